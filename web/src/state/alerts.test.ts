import { describe, expect, it } from "vitest";
import type { AlertRow } from "../wire/decode";
import { ALERTS_KEPT, announcement, NO_ALERTS, newAlerts, withAlerts } from "./alerts";

function alert(key: string, fields: Partial<AlertRow> = {}): AlertRow {
  return {
    key,
    accountId: "42",
    partition: 0,
    timeMs: 1,
    fromStatus: "ok",
    toStatus: "warning",
    freshness: "OK",
    equityUsd: 1,
    worstMarginRatio: 0.8,
    instrument: null,
    ...fields,
  };
}

const keys = (list: { alerts: readonly AlertRow[] }): string[] => list.alerts.map((each) => each.key);

describe("alerts", () => {
  it("the newest stands first", () => {
    const first = withAlerts(NO_ALERTS, [alert("1"), alert("2")], "snapshot", 0);
    expect(keys(withAlerts(first, [alert("3")], "change", 0))).toEqual(["3", "2", "1"]);
  });

  it("a snapshot replaces what there was", () => {
    const first = withAlerts(NO_ALERTS, [alert("1")], "snapshot", 0);
    expect(keys(withAlerts(first, [alert("2")], "snapshot", 0))).toEqual(["2"]);
  });

  it("an alert that comes twice is shown once", () => {
    const first = withAlerts(NO_ALERTS, [alert("1"), alert("2")], "snapshot", 0);
    expect(keys(withAlerts(first, [alert("2"), alert("3"), alert("3")], "change", 0))).toEqual(["3", "2", "1"]);
  });

  it("a resync counts what did not come, a snapshot forgets the count", () => {
    const first = withAlerts(NO_ALERTS, [alert("1")], "snapshot", 0);
    const after = withAlerts(first, [alert("9")], "resync", 7);
    expect(after.missed).toBe(7);
    expect(keys(after)).toEqual(["9", "1"]);
    expect(withAlerts(after, [], "snapshot", 0).missed).toBe(0);
  });

  it("no more than the limit are kept", () => {
    let list = NO_ALERTS;
    for (let at = 0; at < 500; at++) list = withAlerts(list, [alert(String(at))], "change", 0);
    expect(list.alerts).toHaveLength(ALERTS_KEPT);
    expect(list.alerts[0]!.key).toBe("499");
  });

  it("one sentence is spoken, however many came", () => {
    const before = [alert("1")];
    const after = [alert("3", { accountId: "7", toStatus: "liquidation" }), alert("2"), alert("1")];
    const fresh = newAlerts(before, after);
    expect(fresh.map((each) => each.key)).toEqual(["3", "2"]);
    expect(announcement(fresh)).toBe("2 alerts. Account 7: liquidation, and 1 other.");
    expect(announcement(fresh.slice(0, 1))).toBe("Account 7: liquidation");
  });
});
