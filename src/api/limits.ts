// Every limit of the api thread, in one place, with its reason. What an operator may change stands in config.ts; these are
// the ones that hold the design together. assertApiLimits() keeps their relations and runs before anything listens.

/** A request of the stream's protocol is a method and a list of channels; the longest useful one is well below this. */
export const STREAM_PAYLOAD_BYTES_MAX = 4 * 1024;
/** What a socket may hold back in this process. Above it `send` refuses; the session then keeps only *what* is owed. */
export const STREAM_BACKPRESSURE_BYTES_MAX = 128 * 1024;
/** A session stops sending at this much held back, so that a reply still fits below the limit above. */
export const STREAM_HOLD_BYTES = 64 * 1024;
/**
 * Bytes sent and not yet known to have been read. The kernel's socket buffers alone take some MiB, which would be a queue
 * of old numbers; a ping after every PING_EVERY bytes measures what the client has really read, and pushes wait above this.
 */
export const STREAM_WINDOW_BYTES = 256 * 1024;
export const STREAM_PING_EVERY_BYTES = 32 * 1024;
/** One account's positions (256 of about 500 bytes) are the largest push. */
export const STREAM_FRAME_BYTES_MAX = 192 * 1024;
/** Requests of one client: burst, and refill a second. A page of 200 channels needs a handful. */
export const STREAM_REQUEST_BURST = 200;
export const STREAM_REQUESTS_PER_SECOND = 50;
/** A client that goes on after so many refusals is not listening. */
export const STREAM_REFUSED_REQUESTS_MAX = 1000;
/** Channels in one subscribe: what fits the payload anyway; named so that the error can say it. */
export const STREAM_CHANNELS_PER_REQUEST_MAX = 200;
export const STREAM_CHANNEL_NAME_CHARS_MAX = 128;
/** Seconds; Deribit's own bounds are 10 and up. */
export const HEARTBEAT_SECONDS_MIN = 10;
export const HEARTBEAT_SECONDS_MAX = 3600;

/** Alerts kept for replay to slow clients and for `/alerts`; older ones are in the database. */
export const ALERT_LOG_COUNT = 4096;
/** Alerts in one push, so that a frame stays below STREAM_FRAME_BYTES_MAX (an alert is about 400 bytes). */
export const ALERTS_PER_PUSH_MAX = 200;
/** Alerts in the first push of a channel. */
export const ALERTS_IN_SNAPSHOT = 100;

/** A channel whose rows' versions stand still is rendered again after this long: freshness depends on the clock too. */
export const RENDER_AT_LEAST_EVERY_MS = 250;
/** A row that could not be read for this long while its writer kept changing it is pushed as STALE. */
export const UNREADABLE_AFTER_MS = 500;
/** A scan over all accounts (`risk.top`) takes at most one part in this many of the thread's time. */
export const SCAN_TIME_SHARE = 5;

/** There is no route that takes a body; this is what an honest client may waste. */
export const HTTP_BODY_BYTES_MAX = 16 * 1024;
export const HTTP_HEADER_BYTES_MAX = 8 * 1024;
export const HTTP_CONNECTIONS_MAX = 1024;
export const HTTP_PARAM_CHARS_MAX = 64;
/** Rows of one page. */
export const PAGE_ROWS_MAX = 1000;
export const PAGE_ROWS_DEFAULT = 100;
/** Positions and balances in one page of ledgers: about 1.5 MB of JSON. */
export const LEDGER_PAGE_ENTRIES_MAX = 5_000;
export const TOP_ROWS_MAX = 200;
/** Tries to read an account's rows at one version before the answer is "busy, ask again". */
export const CONSISTENT_READ_TRIES = 20;

/** API keys: 256 bits, so that a guess is hopeless and a plain SHA-256 is a sufficient store. */
export const KEY_SECRET_BYTES = 32;
export const KEYS_MAX = 10_000;
export const KEYS_FILE_BYTES_MAX = 8 * 1024 * 1024;
/** A changed keys file takes effect within this time, on open connections too. */
export const KEYS_RELOAD_MS = 2_000;

/** Checks what the limits promise each other; throws with the broken sentence. */
export function assertApiLimits(): void {
  const relations: [boolean, string][] = [
    [STREAM_HOLD_BYTES < STREAM_BACKPRESSURE_BYTES_MAX, "a reply fits beside pushes that are held back"],
    [STREAM_PING_EVERY_BYTES * 4 <= STREAM_WINDOW_BYTES, "the window opens again before it is used up"],
    [STREAM_FRAME_BYTES_MAX <= STREAM_WINDOW_BYTES, "the largest push fits the window"],
    [ALERTS_PER_PUSH_MAX * 600 <= STREAM_FRAME_BYTES_MAX, "a push of alerts fits a frame"],
    [ALERTS_IN_SNAPSHOT <= ALERTS_PER_PUSH_MAX && ALERTS_PER_PUSH_MAX < ALERT_LOG_COUNT, "the alert log outlasts a push"],
    [STREAM_PAYLOAD_BYTES_MAX < HTTP_BODY_BYTES_MAX, "a frame is smaller than a body"],
    [KEY_SECRET_BYTES >= 32, "a key has 256 bits"],
  ];
  for (const [holds, what] of relations) if (!holds) throw new Error(`api/limits.ts: it no longer holds that ${what}`);
}
