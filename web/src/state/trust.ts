// Whether what is shown may be believed, and if not, why, in words. A wrong number shown as right is worse than no number:
// everything that is not positively fresh is stale.
import type { Freshness } from "../../../src/shared/freshness";
import { formatAge } from "../format";
import type { Channel, Connection } from "../wire/stream";

/** fresh: believe it. Otherwise grey it and show the reason. */
export interface Trust {
  fresh: boolean;
  /** A few words for a cell or a banner; null where fresh. */
  reason: string | null;
}

export const FRESH: Trust = { fresh: true, reason: null };

/**
 * How long the stream may say nothing before what it said is stale. `platform.state` comes every second whatever happens, so
 * silence of three is not quiet markets, it is a broken stream.
 */
export const STREAM_LIMIT_MS = 3_000;

const FRESHNESS_REASONS: Record<Exclude<Freshness, "OK">, string> = {
  STALE: "stale: inputs not current",
  GAP: "gap: events are missing",
  QUARANTINED: "quarantined",
  RECOVERING: "recovering",
};

/** The engine's own word about a row. Anything but OK, also a word this page does not know, is not fresh. */
export function engineTrust(freshness: string | null | undefined): Trust {
  if (freshness === "OK") return FRESH;
  const known = typeof freshness === "string" && Object.hasOwn(FRESHNESS_REASONS, freshness);
  return { fresh: false, reason: known ? FRESHNESS_REASONS[freshness as Exclude<Freshness, "OK">] : "freshness unknown" };
}

/**
 * The connection as a whole.
 *
 * @param nowMs on the clock of `connection`
 */
export function connectionTrust(connection: Connection, nowMs: number): Trust {
  switch (connection.phase) {
    case "live": {
      const silence = nowMs - (connection.lastFrameMs ?? connection.sinceMs);
      return silence > STREAM_LIMIT_MS ? { fresh: false, reason: `no update for ${formatAge(silence)}` } : FRESH;
    }
    case "connecting":
      return { fresh: false, reason: connection.drops > 0 || connection.attempt > 0 ? "reconnecting" : "connecting" };
    case "waiting":
      return { fresh: false, reason: "disconnected" };
    case "refused":
      return { fresh: false, reason: "not signed in" };
    case "stopped":
      return { fresh: false, reason: "stopped" };
  }
}

/**
 * What one channel delivers.
 *
 * @param limitMs longest time between two of its pushes that is still in order; +Infinity for a channel that speaks only on change
 */
export function channelTrust(connection: Connection, channel: Channel | undefined, limitMs: number, nowMs: number): Trust {
  const line = connectionTrust(connection, nowMs);
  if (!line.fresh) return line;
  if (channel === undefined) return { fresh: false, reason: "not subscribed" };
  switch (channel.state) {
    case "asked":
      return { fresh: false, reason: "waiting for the first update" };
    case "gap":
      return { fresh: false, reason: `${channel.reason ?? "an update went missing"}; asked again` };
    case "refused":
      return { fresh: false, reason: channel.reason ?? "refused by the engine" };
    case "live": {
      const silence = nowMs - (channel.lastPushMs ?? Number.NEGATIVE_INFINITY);
      return silence > limitMs ? { fresh: false, reason: `no update for ${formatAge(silence)}` } : FRESH;
    }
  }
}

/** The first of them that is not fresh. */
export function worst(...trusts: Trust[]): Trust {
  for (const trust of trusts) if (!trust.fresh) return trust;
  return FRESH;
}
