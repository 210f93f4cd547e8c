// Pages against the obvious twin: sort everything, cut.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { AccountStatusName } from "../shared/freshness";
import { STATUS_NAMES } from "../shared/freshness";
import { pageByDistance, pageByPlace } from "./account-list";
import { FakeEngine, FakeShard } from "./testing/fake-engine";
import { fakeAccount } from "./testing/fake-rows";

const accounts = fc.array(
  fc.record({
    shard: fc.integer({ min: 0, max: 2 }),
    status: fc.constantFrom<AccountStatusName>(...STATUS_NAMES),
    // Few values, so that many are equal.
    liquidationDistance: fc.oneof(fc.constant(null), fc.constantFrom(0, 0.1, 1e-9, 0.25, 3)),
  }),
  { maxLength: 40 },
);

function engineOf(rows: { shard: number; status: AccountStatusName; liquidationDistance: number | null }[]): FakeEngine {
  const engine = new FakeEngine();
  engine.shards = [4, 7, 12].map((partition) => new FakeShard(partition));
  for (const [at, { shard, ...row }] of rows.entries()) engine.shards[shard]!.put(fakeAccount(String(at + 1), row));
  return engine;
}

function walk(list: typeof pageByPlace, engine: FakeEngine, limit: number, status: number | null): string[] {
  const ids: string[] = [];
  let cursor: string | null = null;
  do {
    const page = list(engine, limit, cursor, status, "cursor");
    expect(page.places.length).toBeLessThanOrEqual(limit);
    for (const { shard, slot } of page.places) ids.push(shard.account(slot)!.id);
    if (page.nextCursor !== null) expect(page.places).toHaveLength(limit);
    cursor = page.nextCursor;
  } while (cursor !== null);
  return ids;
}

describe("pages of accounts", () => {
  it("hold every account once, in order, whatever the page's size", () => {
    const statuses = fc.option(fc.integer({ min: 0, max: STATUS_NAMES.length - 1 }));
    fc.assert(
      fc.property(accounts, fc.integer({ min: 1, max: 7 }), statuses, (rows, limit, status) => {
        const engine = engineOf(rows);
        const all = engine.shards.flatMap((shard) =>
          shard.slots.map((slot, at) => ({ account: slot.account, partition: shard.partition, at })),
        );
        const wanted = all.filter(({ account }) => status === null || STATUS_NAMES.indexOf(account.status) === status);
        expect(walk(pageByPlace, engine, limit, status)).toEqual(wanted.map(({ account }) => account.id));
        const key = ({ account }: (typeof all)[number]) =>
          account.status === "bankrupt"
            ? -2
            : account.status === "liquidation"
              ? -1
              : (account.liquidationDistance ?? Number.MAX_VALUE);
        const sorted = [...wanted].sort((a, b) => key(a) - key(b) || a.partition - b.partition || a.at - b.at);
        expect(walk(pageByDistance, engine, limit, status)).toEqual(sorted.map(({ account }) => account.id));
      }),
      { numRuns: 300 },
    );
  });

  it("refuse cursors that they did not give out, by name", () => {
    const engine = FakeEngine.withAccounts(3);
    for (const cursor of ["", "1", "1.", ".1", "a.b", "-1.0", "0.1~0.1", "1e400~x", "0.0.0", "NaN~0.0", "0~", " 0.1"]) {
      expect(() => pageByPlace(engine, 1, cursor, null, "after")).toThrow(/INVALID_PARAMS/);
    }
    for (const cursor of ["0.1", "~0.1", "NaN~0.0", "e~0.0", "--1~0.0"]) {
      expect(() => pageByDistance(engine, 1, cursor, null, "cursor")).toThrow(/INVALID_PARAMS/);
    }
  });
});
