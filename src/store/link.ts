// Pools of postgres.js as the store opens them, and how it is rid of them again.
import type { Socket } from "node:net";
import postgres, { type Sql } from "postgres";
import { connectSocket } from "./socket";

/** What a socket may still need for its goodbye before it is destroyed. */
const GOODBYE_MS = 1000;

export interface ConnectOptions {
  url: string;
  applicationName: string;
  connectDeadlineMs: number;
  /** The server gives a statement up after this; 0: never. */
  statementDeadlineMs: number;
  /** The server gives up waiting for a lock after this; 0: never. */
  lockDeadlineMs?: number;
  max?: number;
  readOnly?: boolean;
}

export interface Link {
  readonly sql: Sql;
  /** At once: what is under way fails, nothing more is sent. */
  destroy(): void;
  /** Says goodbye first, for a second at most. */
  end(): Promise<void>;
}

/** A pool of `max` connections (1 by default) with the settings all of the store's have. Connects with the first query. */
export function connect(options: ConnectOptions): Link {
  const sockets = new Set<Socket>();
  const { statementDeadlineMs, lockDeadlineMs = 0 } = options;
  const sql = postgres(options.url, {
    max: options.max ?? 1,
    fetch_types: false,
    // A connection may stay as long as it works: a new one is taken after any failure.
    max_lifetime: null,
    onnotice: () => {},
    socket: connectSocket(options.connectDeadlineMs, sockets),
    connection: {
      application_name: options.applicationName,
      TimeZone: "UTC",
      // postgres.js leaves out what is 0.
      statement_timeout: Math.round(statementDeadlineMs),
      lock_timeout: Math.round(lockDeadlineMs),
      // If the engine vanishes without a word, its locks do not stay.
      idle_in_transaction_session_timeout: Math.round(statementDeadlineMs),
      ...(options.readOnly ? { default_transaction_read_only: "on" } : {}),
    },
  } as postgres.Options<Record<string, never>>);
  // postgres.js leaves the socket of a server that does not answer open. It must have ended its side before the socket is
  // destroyed: under TLS it would write to a socket that is gone, and nobody would catch the error.
  const destroySockets = () => {
    for (const socket of sockets) socket.destroy();
  };
  const end = async (timeout: number) => {
    await sql.end({ timeout }).catch(() => undefined);
    if (sockets.size > 0) setTimeout(destroySockets, GOODBYE_MS).unref();
  };
  return { sql, destroy: () => void end(0), end: () => end(1) };
}
