// What routes, channels and metrics share. One per api thread.

import type { StatsView } from "../shared/stats";
import type { AlertLogs } from "./alert-log";
import type { Authenticator } from "./auth/authenticator";
import type { ApiConfig } from "./config";
import type { AccountLocation, EngineReader } from "./engine";
import type { HistoryReader } from "./http/history";
import type { ApiLog } from "./log";
import type { EngineIdentity, Platform } from "./platform";

/** Where the thread listens; ports are known once it does. */
export interface Addresses {
  httpPort: number;
  streamPort: number;
  transport: "uws" | "ws" | null;
}

export interface ApiContext {
  readonly identity: EngineIdentity;
  readonly config: ApiConfig;
  readonly engine: EngineReader;
  readonly stats: StatsView;
  readonly platform: Platform;
  readonly alerts: AlertLogs;
  readonly auth: Authenticator;
  readonly log: ApiLog;
  /** Which engine has an account that is not here; null: not known. */
  readonly locate: (accountId: string) => AccountLocation | null;
  /** null: no database. */
  readonly history: () => HistoryReader | null;
  readonly addresses: Addresses;
}

/** The path of the stream and of the route that describes it. */
export const STREAM_PATH = "/api/v1/stream";
