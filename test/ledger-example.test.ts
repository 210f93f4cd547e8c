// The worked example of docs/ledger.md, number for number.
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { AccountBatchWriter } from "../src/shared/wire/encode";
import { referenceMessage } from "./support/contracts";
import { KernelHarness } from "./support/kernel-harness";

it("buys an inverse contract twice and has the harmonic mean as its entry, as docs/ledger.md says", () => {
  const harness = new KernelHarness("dist/kernel.wasm", { accounts: 16, balances: 64, positions: 64, orders: 64 });
  expect(harness.reference.take(referenceMessage())).toBeNull();
  const writer = new AccountBatchWriter(1);
  const timeMs = Date.UTC(2025, 5, 1);
  writer.fill({ seq: 1, account: 7, timeMs, instrument: 3, side: 1, qtyLots: 1000, priceTicks: 50_000 });
  writer.fill({ seq: 2, account: 7, timeMs, instrument: 3, side: 1, qtyLots: 2000, priceTicks: 60_000 });
  harness.accounts(writer.finish());
  harness.settle();
  const [position] = harness.view.ledger(harness.view.find("7"))!.positions;
  expect(position.openCash).toBe("5333333333");
  const entryTicks = (3000n * 10n ** 11n) / BigInt(position.openCash);
  expect(entryTicks).toBe(56_250n);
  const text = readFileSync("docs/ledger.md", "utf8");
  for (const number of ["2,000,000,000 + 3,333,333,333", "5,333,333,333 ticks = 5625.0"]) expect(text).toContain(number);
});
