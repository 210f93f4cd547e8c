// One account's limits are its own affair: it is quarantined, its ledger stays as it was, and the shard goes on.
import { expect, it } from "vitest";
import { InstrumentKind, MarginModel, Payoff } from "../schemas/generated";
import { LedgerTwin, sortLedger } from "../src/shards/ledger-twin";
import { POSITIONS_PER_ACCOUNT_MAX } from "../src/shared/limits";
import { AccountBatchWriter, MarketBatchWriter, ReferenceBatchWriter } from "../src/shared/wire/encode";
import { KernelHarness } from "./support/kernel-harness";
import { decodeAccountEvents, decodeInstruments } from "./support/twin-events";

const TIME_MS = Date.UTC(2025, 5, 1);
const INSTRUMENTS = POSITIONS_PER_ACCOUNT_MAX + 4;

it("an account with more positions than one may have is quarantined; the others and the shard go on", () => {
  const reference = new ReferenceBatchWriter(1);
  reference.asset({ id: 1, symbol: "USDT", usdPrice: 1 });
  reference.asset({ id: 2, symbol: "X", usdPrice: 10 });
  reference.marginTable({ id: 1, model: MarginModel.Tiered });
  reference.marginTier({ table: 1, notionalFloor: 0, initialRate: 0.1, maintenanceRate: 0.05 });
  const terms = { kind: InstrumentKind.Perpetual, payoff: Payoff.Linear, base: 2, quote: 1, settle: 1, marginTable: 1 };
  for (let id = 1; id <= INSTRUMENTS; id++)
    reference.instrument({ id, symbol: `X${id}`, ...terms, contractSize: 1, tickSize: "0.1", lotSize: 1 });
  const message = reference.finish();
  const harness = new KernelHarness("dist/kernel.wasm", { accounts: 16, balances: 64, positions: 1024, orders: 64 });
  expect(harness.reference.take(message)).toBeNull();
  const marks = new MarketBatchWriter(1);
  for (let instrument = 1; instrument <= INSTRUMENTS; instrument++)
    marks.mark({ instrument, seq: 1, timeMs: TIME_MS, priceTicks: 100 });
  expect(harness.market.take(marks.finish())).toBeNull();

  const writer = new AccountBatchWriter(1);
  for (let instrument = 1; instrument <= INSTRUMENTS; instrument++)
    writer.fill({ seq: instrument, account: 1, timeMs: TIME_MS, instrument, side: 1, qtyLots: 1, priceTicks: 100 });
  writer.fill({ seq: 1, account: 2, timeMs: TIME_MS, instrument: 1, side: 2, qtyLots: 1, priceTicks: 100 });
  const events = writer.finish();
  expect(harness.accounts(events)).toBe("published");
  harness.settle();

  const { state, rejected } = harness.view.status();
  expect({ state, rejected }).toEqual({ state: "running", rejected: INSTRUMENTS - POSITIONS_PER_ACCOUNT_MAX });
  const [full, other] = ["1", "2"].map((id) => harness.view.account(harness.view.find(id))!);
  expect([full.freshness, full.positionCount]).toEqual(["QUARANTINED", POSITIONS_PER_ACCOUNT_MAX]);
  expect(other.freshness).toBe("OK");
  const twin = new LedgerTwin(new Map(decodeInstruments(message).map((instrument) => [instrument.id, instrument])));
  for (const event of decodeAccountEvents(events)) twin.apply(event);
  for (const id of [1n, 2n]) expect(sortLedger(harness.view.ledger(harness.view.find(String(id)))!)).toEqual(twin.view(id));
});
