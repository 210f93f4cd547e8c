// Names of channels: one table, one parser. What a name needs to be seen stands in auth/access.ts.

import { isAccountId } from "../engine";
import { ApiError } from "../errors";
import { INTERVALS, type Interval } from "../intervals";
import { STREAM_CHANNEL_NAME_CHARS_MAX } from "../limits";

export type ChannelName =
  | { kind: "risk.account" | "risk.positions"; accountId: string; interval: Interval }
  | { kind: "risk.top"; interval: Interval }
  | { kind: "market"; symbol: string; interval: Interval }
  | { kind: "risk.liquidations" | "risk.alerts" | "platform.state" };

/** As the documentation writes them. */
export const CHANNEL_PATTERNS = [
  "risk.account.{id}.{interval}",
  "risk.positions.{id}.{interval}",
  "risk.top.{interval}",
  "risk.liquidations",
  "risk.alerts",
  "market.{symbol}.{interval}",
  "platform.state",
] as const;

function intervalOf(text: string, name: string): Interval {
  if ((INTERVALS as readonly string[]).includes(text)) return text as Interval;
  throw new ApiError("INVALID_PARAMS", `channel ${quote(name)}: the interval is one of ${INTERVALS.join(", ")}`, "channels");
}

function quote(name: string): string {
  return JSON.stringify(name.length <= STREAM_CHANNEL_NAME_CHARS_MAX ? name : `${name.slice(0, STREAM_CHANNEL_NAME_CHARS_MAX)}…`);
}

/** @throws ApiError INVALID_PARAMS, naming the channel and what is wrong with it */
export function parseChannelName(name: string): ChannelName {
  if (name.length <= STREAM_CHANNEL_NAME_CHARS_MAX) {
    if (name === "risk.liquidations" || name === "risk.alerts" || name === "platform.state") return { kind: name };
    const last = name.lastIndexOf(".");
    const head = name.slice(0, last);
    const tail = name.slice(last + 1);
    if (head === "risk.top") return { kind: "risk.top", interval: intervalOf(tail, name) };
    for (const kind of ["risk.account", "risk.positions"] as const) {
      if (!head.startsWith(`${kind}.`)) continue;
      const accountId = head.slice(kind.length + 1);
      if (!isAccountId(accountId)) {
        throw new ApiError(
          "INVALID_PARAMS",
          `channel ${quote(name)}: an account id is an integer from 1 to 2^53 − 1`,
          "channels",
        );
      }
      return { kind, accountId, interval: intervalOf(tail, name) };
    }
    if (head.startsWith("market.") && head.length > "market.".length) {
      return { kind: "market", symbol: head.slice("market.".length), interval: intervalOf(tail, name) };
    }
  }
  throw new ApiError("INVALID_PARAMS", `channel ${quote(name)} is none of ${CHANNEL_PATTERNS.join(", ")}`, "channels");
}
