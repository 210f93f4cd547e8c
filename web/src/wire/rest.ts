// The few things the page asks by REST, because they change seldom or lie in the past: the engine, the instruments, an
// account's balances, its earlier alerts and its history.
import { isObject } from "./json-rpc";
import type { Credentials } from "./stream";

/** Why a request brought nothing; `message` is for a person. */
export class RestError extends Error {
  override readonly name = "RestError";
  constructor(
    message: string,
    /** HTTP status; 0 where there was no answer. */
    readonly status: number,
  ) {
    super(message);
  }
}

const ANSWER_LIMIT_MS = 8_000;

export type Fetch = (path: string, init: RequestInit) => Promise<Response>;

export class Rest {
  credentials: Credentials | null = null;
  readonly #fetch: Fetch;

  constructor(fetch: Fetch) {
    this.#fetch = fetch;
  }

  /**
   * The JSON object at a path below /api/v1.
   *
   * @throws RestError with the engine's own words where it gave any
   */
  async get(path: string): Promise<Record<string, unknown>> {
    const headers: Record<string, string> = { accept: "application/json" };
    const { credentials } = this;
    if (credentials !== null) headers.authorization = `Bearer ${credentials.id}.${credentials.secret}`;
    let response: Response;
    let body: unknown;
    try {
      response = await this.#fetch(`/api/v1${path}`, {
        headers,
        cache: "no-store",
        signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
      });
      body = await response.json();
    } catch {
      throw new RestError("the engine does not answer", 0);
    }
    if (!isObject(body)) throw new RestError("an answer that cannot be read", response.status);
    if (!response.ok) {
      const words = typeof body.detail === "string" ? body.detail : typeof body.title === "string" ? body.title : "refused";
      throw new RestError(words, response.status);
    }
    return body;
  }
}

/** In words for a person, whatever was thrown. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : "failed";
}
