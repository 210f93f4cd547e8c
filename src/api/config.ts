// What the api thread is told: the `http`, `stream` and `auth` parts of the engine's configuration, with their defaults.
// The main thread validates; completeApiConfig() fills what was left out.

export interface ApiConfig {
  http: HttpConfig;
  stream: StreamConfig;
  auth: AuthConfig;
  /** ms after which a mark counts as STALE; the engine's own setting. */
  staleAfterMs: number;
  logLevel: "fatal" | "error" | "warn" | "info" | "debug" | "silent";
}

export interface HttpConfig {
  host: string;
  /** 0: any free port. */
  port: number;
  /** Folder of the built web page; null: none is served. Relative: to the working directory. */
  webRoot: string | null;
  /**
   * Origins (scheme://host[:port]) whose pages may open the stream, beside the page this engine serves itself. Their hosts
   * are also accepted in the Host header; see docs/api.md.
   */
  allowedOrigins: string[];
  /** Address of a listener of its own for /metrics, /livez, /readyz; null: they are on the main one. */
  metrics: { host: string; port: number } | null;
  /** ms: the whole request must have arrived. */
  requestTimeoutMs: number;
  /** ms without a byte on a connection in use. */
  connectionTimeoutMs: number;
  /** ms a route may take. */
  handlerTimeoutMs: number;
  /** ms an idle connection is kept. */
  keepAliveTimeoutMs: number;
}

export interface StreamConfig {
  host: string;
  /** 0: any free port. */
  port: number;
  /** auto: uWebSockets where its native binary fits this Node, ws otherwise. */
  transport: "auto" | "uws" | "ws";
  maxClients: number;
  /** Channels of one client. */
  maxSubscriptions: number;
  /** ms without a sign of life (frame or pong) until a client is dropped. */
  idleTimeoutMs: number;
  /** ms between two looks at the rows of `raw` channels. */
  rawPollMs: number;
  /** Accounts in `risk.top`. */
  topCount: number;
  /** error: subscribe refuses an account that is not here; wait: the snapshot follows when it appears. */
  unknownAccounts: "error" | "wait";
}

export interface AuthConfig {
  /** open: everybody may read everything; keys: each route and channel asks for a scope. */
  mode: "open" | "keys";
  /** JSON file of hashed keys; needed with mode "keys". */
  keysFile: string | null;
}

export const API_CONFIG_DEFAULTS: ApiConfig = {
  http: {
    host: "127.0.0.1",
    port: 8080,
    webRoot: "dist/web",
    allowedOrigins: [],
    metrics: null,
    requestTimeoutMs: 10_000,
    connectionTimeoutMs: 30_000,
    handlerTimeoutMs: 10_000,
    keepAliveTimeoutMs: 10_000,
  },
  stream: {
    host: "127.0.0.1",
    port: 8081,
    transport: "auto",
    maxClients: 4096,
    maxSubscriptions: 200,
    idleTimeoutMs: 60_000,
    rawPollMs: 5,
    topCount: 20,
    unknownAccounts: "error",
  },
  auth: { mode: "open", keysFile: null },
  staleAfterMs: 10_000,
  logLevel: "info",
};

export type PartialApiConfig = {
  [K in keyof ApiConfig]?: ApiConfig[K] extends object ? Partial<ApiConfig[K]> : ApiConfig[K];
};

/** The given configuration with the defaults where it says nothing. */
export function completeApiConfig(given: PartialApiConfig = {}): ApiConfig {
  return {
    http: { ...API_CONFIG_DEFAULTS.http, ...given.http },
    stream: { ...API_CONFIG_DEFAULTS.stream, ...given.stream },
    auth: { ...API_CONFIG_DEFAULTS.auth, ...given.auth },
    staleAfterMs: given.staleAfterMs ?? API_CONFIG_DEFAULTS.staleAfterMs,
    logLevel: given.logLevel ?? API_CONFIG_DEFAULTS.logLevel,
  };
}
