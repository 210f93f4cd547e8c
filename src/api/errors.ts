// The errors of the api thread, one table: what a client reads, on both interfaces, and what the operator does. A code is
// stable; its words may change. JSON-RPC numbers below zero are the protocol's own, the positive ones are Deribit's where
// Deribit has the same error, and 20000 and up are ours.

interface ErrorRow {
  /** JSON-RPC error code, or null where the stream cannot answer it. */
  rpc: number | null;
  /** HTTP status, or null where REST cannot answer it. */
  status: number | null;
  /** Short, the same for every occurrence: problem+json `title`. */
  title: string;
  /** What the client (or the operator) does about it. */
  remedy: string;
}

export const API_ERRORS = {
  PARSE_ERROR: { rpc: -32700, status: 400, title: "not valid JSON", remedy: "send one JSON object a text frame" },
  INVALID_REQUEST: { rpc: -32600, status: 400, title: "not a request", remedy: "compare with the frames in docs/api.md" },
  METHOD_NOT_FOUND: { rpc: -32601, status: null, title: "no such method", remedy: "docs/api.md lists the methods" },
  INVALID_PARAMS: { rpc: -32602, status: 400, title: "invalid parameter", remedy: "correct the parameter that is named" },
  INTERNAL: { rpc: -32603, status: 500, title: "internal error", remedy: "look into the engine's log; report it" },
  AUTHORIZATION_REQUIRED: { rpc: 10000, status: 401, title: "a key is required", remedy: "authenticate first" },
  TOO_MANY_REQUESTS: { rpc: 10028, status: null, title: "too many requests", remedy: "wait, then go on slower" },
  INVALID_CREDENTIALS: { rpc: 13004, status: 401, title: "unknown key or wrong secret", remedy: "check the key" },
  CREDENTIALS_EXPIRED: { rpc: 13009, status: 401, title: "the key has expired", remedy: "ask for a new key" },
  NOT_FOUND: { rpc: 13020, status: 404, title: "not found", remedy: "check the name" },
  ACCOUNT_NOT_FOUND: {
    rpc: 13020,
    status: 404,
    title: "unknown account",
    remedy: "check the id; an account exists from its first event on",
  },
  INSTRUMENT_NOT_FOUND: { rpc: 13020, status: 404, title: "unknown instrument", remedy: "check the symbol" },
  FORBIDDEN: {
    rpc: 13021,
    status: 403,
    title: "the key's scopes do not cover this",
    remedy: "use a key with the scope that is named",
  },
  TEMPORARILY_UNAVAILABLE: { rpc: 13028, status: 503, title: "cannot be read right now", remedy: "ask again" },
  TOO_MANY_SUBSCRIPTIONS: {
    rpc: 20001,
    status: null,
    title: "too many subscriptions",
    remedy: "unsubscribe, or open another connection",
  },
  ACCOUNT_ELSEWHERE: {
    rpc: 20002,
    status: 421,
    title: "another engine has this account",
    remedy: "ask the engine that is named",
  },
  TOO_MANY_CLIENTS: {
    rpc: null,
    status: 503,
    title: "the stream is full",
    remedy: "raise stream.maxClients or close idle clients",
  },
  ORIGIN_NOT_ALLOWED: {
    rpc: null,
    status: 403,
    title: "origin not allowed",
    remedy: "add the page's origin to http.allowedOrigins",
  },
  HOST_NOT_ALLOWED: {
    rpc: null,
    status: 421,
    title: "host not allowed",
    remedy: "add an origin with this host to http.allowedOrigins",
  },
  UPGRADE_REQUIRED: {
    rpc: null,
    status: 426,
    title: "this port speaks WebSocket",
    remedy: "connect with a WebSocket client; REST has its own port",
  },
  METHOD_NOT_ALLOWED: { rpc: null, status: 405, title: "method not allowed", remedy: "see the Allow header" },
  REQUEST_TOO_LARGE: { rpc: null, status: 413, title: "request too large", remedy: "send less" },
  URI_TOO_LONG: { rpc: null, status: 414, title: "address too long", remedy: "send less" },
  UNSUPPORTED_MEDIA_TYPE: { rpc: null, status: 415, title: "unsupported media type", remedy: "send no body" },
  REQUEST_TIMEOUT: { rpc: null, status: 408, title: "the request came too slowly", remedy: "send it in one go" },
  HANDLER_TIMEOUT: { rpc: null, status: 503, title: "the answer took too long", remedy: "ask for less, or again later" },
  NOT_READY: { rpc: null, status: 503, title: "not ready", remedy: "wait; the reasons are listed" },
  HISTORY_UNAVAILABLE: {
    rpc: null,
    status: 503,
    title: "the database is away",
    remedy: "live numbers go on; see docs/operations.md",
  },
} as const satisfies Record<string, ErrorRow>;

export type ApiErrorCode = keyof typeof API_ERRORS;

/** Codes of `{type:"failed"}`: why the thread could not start. */
export const API_START_ERRORS = {
  HTTP_PORT_IN_USE: { meaning: "another program listens on http.host:http.port", remedy: "choose another http.port or stop it" },
  STREAM_PORT_IN_USE: {
    meaning: "another program listens on stream.host:stream.port",
    remedy: "choose another stream.port or stop it",
  },
  METRICS_PORT_IN_USE: {
    meaning: "another program listens on the metrics address",
    remedy: "choose another http.metricsPort or stop it",
  },
  ADDRESS_NOT_AVAILABLE: {
    meaning: "the host is not an address of this machine, or may not be listened on",
    remedy: "correct the host or the port",
  },
  KEYS_FILE_INVALID: {
    meaning: "auth.keysFile cannot be read or has an entry that is wrong",
    remedy: "correct the entry that is named",
  },
  STREAM_TRANSPORT_UNAVAILABLE: {
    meaning: "stream.transport is uws, and no native binary fits this Node",
    remedy: 'use "auto" or "ws"',
  },
  API_START_FAILED: { meaning: "the api thread could not start for another reason", remedy: "the message says what; report it" },
} as const;

export type ApiStartErrorCode = keyof typeof API_START_ERRORS;

/** An error a client may read: thrown by handlers, answered as problem+json or as a JSON-RPC error. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  constructor(
    readonly code: ApiErrorCode,
    /** What is wrong this time; a client reads it, so it holds nothing secret. */
    readonly detail: string,
    /** The parameter or field that is wrong. */
    readonly field: string | null = null,
    readonly extra: Readonly<Record<string, unknown>> = {},
  ) {
    super(`${code}: ${detail}`);
  }
}

/** Why the api thread did not start: one line, for the operator. */
export class ApiStartError extends Error {
  override readonly name = "ApiStartError";
  constructor(
    readonly code: ApiStartErrorCode,
    message: string,
  ) {
    super(message);
  }
}
