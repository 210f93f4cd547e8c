// Starts an api on free loopback ports for a test, and ends it.
import pino from "pino";
import { createStats } from "../../shared/stats";
import { type Api, type ApiOptions, startApi } from "../api";
import { completeApiConfig, type PartialApiConfig } from "../config";
import type { EngineReader } from "../engine";

export const IDENTITY = { name: "plimsoll", version: "0.0.0-test", startedMs: 1_718_000_000_000 };

/** Both transports: every test of the stream runs on each. */
export const TRANSPORTS = ["uws", "ws"] as const;

export interface Running {
  api: Api;
  http: string;
  stream: string;
  stats: SharedArrayBuffer;
  stop(): Promise<void>;
}

export async function startTestApi(
  engine: EngineReader,
  config: PartialApiConfig = {},
  more: Partial<ApiOptions> = {},
): Promise<Running> {
  const stats = createStats();
  const complete = completeApiConfig({
    ...config,
    http: { port: 0, webRoot: null, ...config.http },
    stream: { port: 0, ...config.stream },
  });
  const api = await startApi({ config: complete, engine, identity: IDENTITY, stats, log: pino({ level: "silent" }), ...more });
  return {
    api,
    stats,
    http: api.addresses.http.url,
    stream: api.addresses.stream.url,
    stop: () => api.stop(500),
  };
}
