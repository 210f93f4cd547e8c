import { describe, expect, test } from "vitest";
import { plimsollTopics, topicName } from "./topics";

describe("Plimsoll's topics", () => {
  test("are the seven of the wire, under the default prefix", () => {
    expect(plimsollTopics().map((spec) => spec.name)).toEqual([
      "plimsoll.accounts",
      "plimsoll.market",
      "plimsoll.reference",
      "plimsoll.alerts",
      "plimsoll.liquidations",
      "plimsoll.dead-letter",
      "plimsoll.engines",
    ]);
    expect(topicName("accounts", "desk1.")).toBe("desk1.accounts");
  });

  test("have as many account partitions as shards, and one where order over all keys counts", () => {
    const partitions = Object.fromEntries(
      plimsollTopics({ accountPartitions: 12, marketPartitions: 3 }).map((spec) => [spec.role, spec.partitions]),
    );
    expect(partitions).toEqual({
      accounts: 12,
      market: 3,
      reference: 1,
      alerts: 12,
      liquidations: 12,
      "dead-letter": 1,
      engines: 1,
    });
  });

  test("only reference and engines are compacted, and neither accounts, alerts nor dead letters expire", () => {
    const specs = new Map(plimsollTopics().map((spec) => [spec.role, spec]));
    for (const [role, spec] of specs) {
      expect(spec.cleanupPolicy).toBe(role === "reference" || role === "engines" ? "compact" : "delete");
      expect(spec.config["cleanup.policy"]).toBe(spec.cleanupPolicy);
    }
    expect(specs.get("accounts")!.config["retention.ms"]).toBe("-1");
    expect(specs.get("alerts")!.config["retention.ms"]).toBe("-1");
    expect(specs.get("dead-letter")!.config["retention.ms"]).toBe("-1");
  });

  test("dead-letter takes a message of the largest size and the reason beside it", () => {
    const deadLetter = plimsollTopics().find((spec) => spec.role === "dead-letter")!;
    expect(Number(deadLetter.config["max.message.bytes"])).toBeGreaterThan(1_048_588);
  });

  test.each([
    [{ prefix: "a b" }, /prefix/],
    [{ prefix: "x".repeat(201) }, /prefix/],
    [{ accountPartitions: 0 }, /accountPartitions/],
    [{ accountPartitions: 1.5 }, /accountPartitions/],
    [{ accountPartitions: Number.NaN }, /accountPartitions/],
    [{ marketPartitions: 1025 }, /marketPartitions/],
  ])("%j is refused with the name of the field", (layout, message) => {
    expect(() => plimsollTopics(layout)).toThrow(message);
  });
});
