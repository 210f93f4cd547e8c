import { describe, expect, it } from "vitest";
import { VerifiedBatch, verifyAccounts } from "../../src/ingest/verify";
import { World } from "./world";

describe("the world of the bench", () => {
  const world = new World({ accounts: 100, instruments: 16, positionsPerAccount: 4 });

  it("touches every account once a pass, with the next sequence number", () => {
    const next = new Map<number, number>();
    for (let account = 0; account < world.accounts; account++) next.set(account, 3 + world.positionsPerAccount);
    for (let n = 0; n < 5 * world.accounts; n++) {
      const account = world.accountOf(n);
      expect(world.seqOf(n)).toBe(next.get(account));
      next.set(account, next.get(account)! + 1);
    }
    expect([...next.values()].every((seq) => seq === 3 + world.positionsPerAccount + 5)).toBe(true);
  });

  it("writes messages that the engine takes", () => {
    const out = new VerifiedBatch();
    const messages = [...world.opening(), ...world.fills(0, 1000, 64)];
    for (const message of messages) expect(verifyAccounts(message, out)).toBe(0);
  });

  it("refuses more positions than contracts", () => {
    expect(() => new World({ accounts: 1, instruments: 1, positionsPerAccount: 2 })).toThrow(RangeError);
  });
});
