// The frames of the stream: JSON-RPC 2.0 with Deribit's limits on it: named parameters only, no batches, no requests
// without an id. Whatever a client sends, it gets one answer that says what is wrong, or its result.
import { monotonicNs, wallMs } from "../../shared/clock";
import { API_ERRORS, ApiError } from "../errors";

export type RequestId = string | number | null;

export interface RpcRequest {
  id: RequestId;
  method: string;
  params: Readonly<Record<string, unknown>>;
}

const MEMBERS = new Set(["jsonrpc", "id", "method", "params"]);

/** An id that can be echoed, or null: what the specification asks an error to carry when the id cannot be told. */
function idOf(value: unknown): RequestId {
  return typeof value === "string" || (typeof value === "number" && Number.isFinite(value)) ? value : null;
}

export class RpcError extends Error {
  constructor(
    readonly id: RequestId,
    override readonly cause: ApiError,
  ) {
    super(cause.message);
  }
}

/** @throws RpcError PARSE_ERROR or INVALID_REQUEST */
export function parseRequest(text: string): RpcRequest {
  let frame: unknown;
  try {
    frame = JSON.parse(text);
  } catch {
    throw new RpcError(null, new ApiError("PARSE_ERROR", "the frame is not valid JSON"));
  }
  if (Array.isArray(frame)) throw new RpcError(null, new ApiError("INVALID_REQUEST", "batch requests are not supported"));
  if (typeof frame !== "object" || frame === null) {
    throw new RpcError(null, new ApiError("INVALID_REQUEST", "a request is a JSON object"));
  }
  const { jsonrpc, id, method, params } = frame as Record<string, unknown>;
  const refuse = (detail: string, field: string): never => {
    throw new RpcError(idOf(id), new ApiError("INVALID_REQUEST", detail, field));
  };
  if (jsonrpc !== "2.0") refuse('jsonrpc must be "2.0"', "jsonrpc");
  if (id === undefined) refuse("requests without id are not supported", "id");
  if (typeof id === "string" ? id.length > 128 : typeof id !== "number" || !Number.isFinite(id)) {
    refuse("id is a number, or a string of at most 128 characters", "id");
  }
  if (typeof method !== "string") refuse("method is a string", "method");
  if (params !== undefined && (typeof params !== "object" || params === null || Array.isArray(params))) {
    refuse("params is an object: parameters are named", "params");
  }
  for (const member of Object.keys(frame)) if (!MEMBERS.has(member)) refuse(`unknown member ${JSON.stringify(member)}`, member);
  return { id: id as RequestId, method: method as string, params: (params ?? {}) as Record<string, unknown> };
}

/** When a request came, on both clocks. */
export interface Received {
  wallUs: number;
  monotonicNs: number;
}

export function receivedNow(): Received {
  return { wallUs: wallMs() * 1000, monotonicNs: monotonicNs() };
}

/** Deribit's own members: µs since the epoch when the request came and the answer left, and their difference. */
function timing(received: Received): string {
  const us = Math.max(0, Math.round((monotonicNs() - received.monotonicNs) / 1000));
  return `"usIn":${received.wallUs},"usOut":${received.wallUs + us},"usDiff":${us}`;
}

export function resultFrame(id: RequestId, result: unknown, received: Received): string {
  return `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${JSON.stringify(result)},${timing(received)}}`;
}

/** `message` is the error's stable name, `data.reason` what is wrong this time, `data.param` where. */
export function errorFrame(id: RequestId, error: ApiError, received: Received): string {
  const row = API_ERRORS[error.code];
  const data = { reason: error.detail, ...(error.field === null ? {} : { param: error.field }), ...error.extra };
  const body = { code: row.rpc ?? API_ERRORS.INTERNAL.rpc, message: error.code.toLowerCase(), data };
  return `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"error":${JSON.stringify(body)},${timing(received)}}`;
}

// --- parameters -----------------------------------------------------------------------------------------------------

/** @throws ApiError INVALID_PARAMS for a parameter that is not in `known` */
export function onlyParams(params: Readonly<Record<string, unknown>>, known: readonly string[]): void {
  for (const name of Object.keys(params)) {
    if (!known.includes(name)) {
      const list = known.length === 0 ? "none" : known.join(", ");
      throw new ApiError("INVALID_PARAMS", `unknown parameter; known here: ${list}`, name.slice(0, 64));
    }
  }
}

export function stringParam(params: Readonly<Record<string, unknown>>, name: string, charsMax: number): string {
  const value = params[name];
  if (typeof value !== "string" || value.length === 0 || value.length > charsMax) {
    throw new ApiError("INVALID_PARAMS", `a string of 1 to ${charsMax} characters`, name);
  }
  return value;
}

/** An integer, as a number or as decimal digits in a string. */
export function integerParam(params: Readonly<Record<string, unknown>>, name: string, min: number, max: number): number {
  const value = params[name];
  const number = typeof value === "string" && /^[0-9]{1,9}$/.test(value) ? Number(value) : value;
  if (typeof number !== "number" || !Number.isInteger(number) || number < min || number > max) {
    throw new ApiError("INVALID_PARAMS", `an integer from ${min} to ${max}`, name);
  }
  return number;
}
