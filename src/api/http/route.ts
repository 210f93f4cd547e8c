// What a route is: a row of a table. Its path stands in auth/access.ts too; server.ts registers it.
import type { Static, TObject, TSchema } from "@sinclair/typebox";
import type { ApiContext } from "../context";

export interface RouteRequest<Q extends TObject, P extends TObject> {
  query: Static<Q>;
  params: Static<P>;
  /** Host header without the port; checked before. */
  hostname: string;
  /** Aborted when the client is gone or the time is up. */
  signal: AbortSignal;
}

export interface Route {
  path: string;
  tag: "engine" | "market" | "accounts" | "history" | "health";
  summary: string;
  query: TObject;
  params: TObject | null;
  answer: TSchema;
  handle: (context: ApiContext, request: RouteRequest<TObject, TObject>) => unknown;
}

interface TypedRoute<Q extends TObject, P extends TObject, A extends TSchema> {
  path: string;
  tag: Route["tag"];
  summary: string;
  query: Q;
  params?: P;
  answer: A;
  handle: (context: ApiContext, request: RouteRequest<Q, P>) => unknown;
}

/** A route with the types of its own schemas. */
export function route<Q extends TObject, P extends TObject, A extends TSchema>(spec: TypedRoute<Q, P, A>): Route {
  return { ...spec, params: spec.params ?? null, handle: spec.handle as unknown as Route["handle"] };
}
