// The kernel's ledger against its slow twin: every rule, to the unit, on random streams of all kinds of event.
import { existsSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { LedgerTwin, sortLedger } from "../src/shards/ledger-twin";
import { referenceMessage } from "./support/contracts";
import { KernelHarness } from "./support/kernel-harness";
import { randomMessages } from "./support/random-messages";
import { decodeAccountEvents, decodeInstruments } from "./support/twin-events";

const KERNEL = "dist/kernel.wasm";

beforeAll(() => {
  if (!existsSync(KERNEL)) throw new Error("dist/kernel.wasm is missing: run `npm run build` first");
});

function setUp() {
  const reference = referenceMessage();
  const harness = new KernelHarness(KERNEL, { accounts: 4096, balances: 16_384, positions: 65_536, orders: 65_536 });
  expect(harness.reference.take(reference)).toBeNull();
  harness.settle();
  const twin = new LedgerTwin(new Map(decodeInstruments(reference).map((instrument) => [instrument.id, instrument])));
  return { harness, twin };
}

function feed({ harness, twin }: ReturnType<typeof setUp>, message: Buffer) {
  for (const event of decodeAccountEvents(message)) twin.apply(event);
  for (;;) {
    const taken = harness.accounts(message);
    harness.drainFills();
    if (taken === "published") break;
    expect(taken).toBe("full");
    harness.settle();
  }
  harness.settle();
}

function expectSame({ harness, twin }: ReturnType<typeof setUp>) {
  expect(harness.view.accountCount()).toBe(twin.accounts.size);
  for (const id of twin.accounts.keys()) {
    const slot = harness.view.find(String(id));
    expect(slot, `account ${id}`).toBeGreaterThanOrEqual(0);
    expect(sortLedger(harness.view.ledger(slot)!)).toEqual(twin.view(id));
  }
}

describe("the ledger in WebAssembly", () => {
  it.each([1, 2])(
    "equals the BigInt twin to the unit over 100,000 random events of all kinds, seed %i",
    (seed) => {
      const both = setUp();
      for (const message of randomMessages(seed, 100_000, 300)) feed(both, message);
      expectSame(both);
      const status = both.harness.view.status();
      console.log(
        `seed ${seed}: ${status.eventsApplied} applied, ${status.duplicates} duplicates, ${status.gaps} gaps, ${status.rejected} rejected, ${status.accounts} accounts`,
      );
      expect(status.duplicates).toBeGreaterThan(0);
      expect(status.gaps).toBeGreaterThan(0);
      expect(status.state).toBe("running");
    },
    180_000,
  );
});
