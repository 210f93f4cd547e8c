// The newest alerts, newest first, bounded. An alert has a key of its own, so one that comes twice (in a snapshot after a
// reconnect, say) is shown once.
import type { AlertRow } from "../wire/decode";

export const ALERTS_KEPT = 200;

export interface AlertList {
  readonly alerts: readonly AlertRow[];
  /** Alerts that are known to exist and did not reach this page; they are in the database. */
  readonly missed: number;
}

export const NO_ALERTS: AlertList = { alerts: [], missed: 0 };

/**
 * @param pushed oldest first, as the stream sends them
 * @param kind snapshot: forget what there was; otherwise they follow what is there
 * @param missed count that a `resync` tells
 */
export function withAlerts(
  list: AlertList,
  pushed: readonly AlertRow[],
  kind: "snapshot" | "change" | "resync",
  missed: number,
): AlertList {
  const seen = new Set<string>();
  const alerts: AlertRow[] = [];
  const take = (alert: AlertRow): void => {
    if (alerts.length >= ALERTS_KEPT || seen.has(alert.key)) return;
    seen.add(alert.key);
    alerts.push(alert);
  };
  for (let at = pushed.length - 1; at >= 0; at--) take(pushed[at]!);
  if (kind !== "snapshot") for (const alert of list.alerts) take(alert);
  return { alerts, missed: kind === "snapshot" ? 0 : list.missed + missed };
}

/** Of `after`, those that `before` did not show, newest first. */
export function newAlerts(before: readonly AlertRow[], after: readonly AlertRow[]): AlertRow[] {
  const known = new Set(before.map((alert) => alert.key));
  return after.filter((alert) => !known.has(alert.key));
}

/**
 * One sentence for a screen reader, whatever arrived at once: a hundred alerts are not read out one by one.
 *
 * @param fresh newest first; not empty
 */
export function announcement(fresh: readonly AlertRow[]): string {
  const newest = fresh[0]!;
  const first = `Account ${newest.accountId}: ${newest.toStatus}`;
  if (fresh.length === 1) return first;
  const others = fresh.length - 1;
  return `${fresh.length} alerts. ${first}, and ${others} ${others === 1 ? "other" : "others"}.`;
}
