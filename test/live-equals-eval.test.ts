// One source of truth: what a shard serves for an account is what `plimsoll eval` answers for the same portfolio, for
// every kind of contract, margin mode and collateral.

import { existsSync } from "node:fs";
import { beforeAll, expect, it } from "vitest";
import { createPortfolioEvaluator } from "../src/risk/evaluate";
import { AccountBatchWriter, EventFlag, MarketBatchWriter } from "../src/shared/wire/encode";
import { Prng } from "../src/sim/prng";
import { ASSETS, CONTRACTS, EXPIRY_MS, referenceMessage } from "./support/contracts";
import { KernelHarness } from "./support/kernel-harness";

const NOW_MS = Date.UTC(2025, 5, 1);
const KERNEL = "dist/kernel.wasm";

beforeAll(() => {
  if (!existsSync(KERNEL)) throw new Error("dist/kernel.wasm is missing: run `npm run build` first");
});

/** Accounts in one of four ways of trading each: cross one-way, isolated, hedge mode, multi-asset. */
function fill(harness: KernelHarness, seed: number, accounts: number, eventsEach: number): void {
  const prng = Prng.seeded(seed, 5);
  const writer = new AccountBatchWriter(1);
  const send = () => {
    expect(harness.accounts(writer.finish())).toBe("published");
    harness.drainFills();
    harness.settle();
    harness.drainFills();
  };
  for (let a = 0; a < accounts; a++) {
    const account = 1 + a;
    const way = a % 4;
    let seq = 1;
    const base = () => ({ seq: seq++, account, timeMs: NOW_MS });
    writer.transfer({ ...base(), asset: ASSETS.USDT, amount: (1 + prng.below(50_000)) * 1e8 });
    writer.transfer({ ...base(), asset: ASSETS.BTC, amount: (1 + prng.below(300)) * 1e6 });
    writer.transfer({ ...base(), asset: ASSETS.ETH, amount: (1 + prng.below(300)) * 1e7 });
    // Margin of its own for every contract that an isolated position may stand on.
    for (let id = 1; way === 1 && id <= 6; id++)
      writer.isolatedTransfer({
        ...base(),
        instrument: id,
        amount: [1, 2, 5].includes(id) ? 4e12 : 12e8,
        flags: EventFlag.Isolated,
      });
    if (way === 3) writer.accountSettings({ ...base(), group: 1 });
    for (let e = 0; e < eventsEach; e++) {
      const contract = CONTRACTS[prng.below(9)];
      const isOption = contract.id >= 7;
      const side = (1 + prng.below(2)) as 1 | 2;
      const flags = isOption
        ? 0
        : way === 1
          ? EventFlag.Isolated
          : way === 2
            ? side === 1
              ? EventFlag.LongLeg
              : EventFlag.ShortLeg
            : 0;
      const order = {
        instrument: contract.id,
        side,
        qtyLots: 1 + prng.below(isOption ? 20 : 3000),
        priceTicks: Math.round(contract.aroundTicks * (0.9 + 0.2 * prng.nextUnit())),
      };
      if (prng.below(5) === 0) writer.orderPlaced({ ...base(), ...order, order: seq, flags });
      else writer.fill({ ...base(), ...order, fee: prng.below(1_000_000), flags });
      if (!isOption && prng.below(6) === 0)
        writer.positionSettings({ ...base(), instrument: contract.id, leverageE8: (1 + prng.below(50)) * 1e8, flags });
    }
    if (writer.count > 2000) send();
  }
  if (writer.count > 0) send();
}

function moveMarket(harness: KernelHarness, prng: Prng, seq: number): void {
  const writer = new MarketBatchWriter(1);
  const timeMs = NOW_MS + seq;
  for (const contract of CONTRACTS)
    writer.mark({
      instrument: contract.id,
      seq,
      timeMs,
      priceTicks: Math.max(1, Math.round(contract.aroundTicks * (0.7 + 0.6 * prng.nextUnit()))),
    });
  writer.impliedVol({ instrument: 7, seq, timeMs, vol: 0.4 + 0.3 * prng.nextUnit(), underlying: 60_500 });
  writer.impliedVol({ instrument: 8, seq, timeMs, vol: 0.4 + 0.3 * prng.nextUnit(), underlying: 60_500 });
  writer.impliedVol({ instrument: 9, seq, timeMs, vol: 0.6 + 0.3 * prng.nextUnit(), underlying: 2_550 });
  writer.indexPrice({ asset: ASSETS.BTC, seq, timeMs, price: 60_000 * (0.9 + 0.2 * prng.nextUnit()) });
  writer.indexPrice({ asset: ASSETS.ETH, seq, timeMs, price: 2_500 * (0.9 + 0.2 * prng.nextUnit()) });
  expect(harness.market.take(writer.finish())).toBeNull();
  harness.settle();
}

/** The account as a line for `plimsoll eval`, made from the ledger's integers and the market served. */
function lineOf(harness: KernelHarness, slot: number) {
  const view = harness.marketView;
  const ledger = harness.view.ledger(slot)!;
  const account = harness.view.account(slot)!;
  const instruments = view.instruments().filter((each) => each.kind !== "spot");
  const tables = view.marginTables();
  const assets = Object.fromEntries(view.assets().map(({ symbol, usdPrice, haircut }) => [symbol, { price: usdPrice, haircut }]));
  const symbolOf = new Map(view.assets().map(({ id, symbol }) => [id, symbol]));
  const byId = new Map(instruments.map((each) => [each.id, each]));
  const orders: object[] = [];
  const positions: object[] = [];
  for (const row of ledger.positions) {
    const instrument = byId.get(row.instrumentId)!;
    const { symbol, payoff, contractSize, lotSize } = instrument;
    const leverage = Number(row.leverage) / 1e8;
    for (const side of ["buy", "sell"] as const) {
      const qty = Number(side === "buy" ? row.buyLots : row.sellLots) * lotSize;
      const value = Number(side === "buy" ? row.buyValue : row.sellValue) / 1e8;
      if (qty > 0)
        orders.push({
          symbol,
          side,
          qty,
          price: payoff === "inverse" ? (qty * contractSize) / value : value / (qty * contractSize),
        });
    }
    const qty = Number(row.qtyLots) * lotSize;
    if (qty === 0) continue;
    const openCash = Number(row.openCash) / 1e8;
    positions.push({
      symbol,
      qty,
      entryPrice: payoff === "inverse" ? (qty * contractSize) / openCash : -openCash / (qty * contractSize),
      ...((row.flags & 1) !== 0 ? { mode: "isolated", isolatedMargin: Number(row.isolatedMargin) / 1e8 } : { mode: "cross" }),
      ...(leverage > 0 ? { leverage } : {}),
    });
  }
  const collateral = view.groups().find(({ id }) => id === account.groupId)!.collateral;
  return {
    line: {
      id: account.id,
      asOf: view.eventTimeMs(),
      assets,
      instruments: instruments.map((each) => {
        const table = tables.find(({ id }) => id === each.marginTableId)!;
        const common = {
          symbol: each.symbol,
          kind: each.kind,
          payoff: each.payoff,
          base: each.base,
          quote: each.quote,
          settle: each.settle,
          contractSize: each.contractSize,
        };
        const expiry = each.expiryMs === null ? {} : { expiry: EXPIRY_MS };
        const option = each.kind === "option" ? { premium: each.premium, optionType: each.optionType, strike: each.strike } : {};
        const margin = table.model === "tiered" ? { model: "tiered", tiers: table.tiers } : { model: table.model };
        return { ...common, ...expiry, ...option, margin };
      }),
      market: Object.fromEntries(
        instruments.map((each) => [
          each.symbol,
          { mark: each.mark, ...(each.kind === "option" ? { underlying: each.underlying, iv: each.iv } : {}) },
        ]),
      ),
      account: {
        id: account.id,
        collateral,
        balances: Object.fromEntries(ledger.balances.map(({ assetId, wallet }) => [symbolOf.get(assetId), Number(wallet) / 1e8])),
        positions,
        orders,
      },
    },
  };
}

const close = (a: number | null, b: number | null, what: string) => {
  if (a === null || b === null) return expect({ what, value: a }).toEqual({ what, value: b });
  const tolerance = 1e-9 * Math.max(1, Math.abs(a), Math.abs(b));
  if (!(Math.abs(a - b) <= tolerance)) expect(`${what}: ${a}`).toBe(`${what}: ${b}`);
};

it("serves for every account what plimsoll eval answers for the same portfolio", () => {
  const harness = new KernelHarness(KERNEL, { accounts: 4096, balances: 16_384, positions: 65_536, orders: 65_536 });
  expect(harness.reference.take(referenceMessage())).toBeNull();
  harness.settle();
  const evaluate = createPortfolioEvaluator();
  const prng = Prng.seeded(11, 6);
  moveMarket(harness, prng, 1);
  fill(harness, 11, 1200, 12);
  const statuses = new Set<string>();
  let compared = 0;
  let skipped = 0;
  for (let seq = 2; seq < 5; seq++) {
    moveMarket(harness, prng, seq);
    for (let slot = 0; slot < harness.view.accountCount(); slot++) {
      const { line } = lineOf(harness, slot);
      // A line cannot say what leverage orders have where nothing is held yet.
      const flat = harness.view
        .positions(slot)!
        .some((each) => each.qty === 0 && each.leverage !== null && each.openBuyQty + each.openSellQty > 0);
      // Nor does it take isolated margin below zero; a ledger can have one, after a loss beyond the margin.
      if (
        flat ||
        line.account.positions.some((each) => "isolatedMargin" in each && (each as { isolatedMargin: number }).isolatedMargin < 0)
      ) {
        skipped++;
        continue;
      }
      compared++;
      const wanted = evaluate(line);
      const served = harness.view.account(slot)!;
      statuses.add(served.status);
      const name = `account ${served.id}`;
      const fields = [
        "equityUsd",
        "walletBalanceUsd",
        "unrealizedPnlUsd",
        "initialMarginUsd",
        "maintenanceMarginUsd",
        "orderMarginUsd",
        "availableUsd",
        "marginRatio",
        "worstMarginRatio",
        "grossExposureUsd",
        "netExposureUsd",
      ] as const;
      for (const field of fields) close(served[field], wanted.account[field], `${name} ${field}`);
      expect(`${name} ${served.status}`).toBe(`${name} ${wanted.account.status}`);
      const positions = harness.view.positions(slot)!.filter(({ qty }) => qty !== 0);
      expect(positions.length).toBe(wanted.positions.length);
      for (const [i, position] of positions.entries()) {
        const other = wanted.positions[i];
        expect(position.symbol).toBe(other.symbol);
        const at = `${name} ${position.symbol}`;
        close(position.unrealizedPnl, other.unrealizedPnl, `${at} unrealizedPnl`);
        close(position.initialMargin, other.initialMargin, `${at} initialMargin`);
        close(position.maintenanceMargin, other.maintenanceMargin, `${at} maintenanceMargin`);
        close(position.notional, other.notional, `${at} notional`);
        // A price is a quotient of sums: its last digits depend on how the entry was written.
        for (const field of ["liquidationPrice", "bankruptcyPrice"] as const) {
          const [a, b] = [position[field], other[field]];
          if (a === null || b === null) expect(`${at} ${field} ${a}`).toBe(`${at} ${field} ${b}`);
          else if (!(Math.abs(a - b) <= 1e-6 * Math.abs(b))) expect(`${at} ${field} ${a}`).toBe(`${at} ${field} ${b}`);
        }
      }
    }
  }
  expect(compared).toBeGreaterThan(5 * skipped);
  // The walk has been through every band: a comparison of healthy accounts alone would prove little.
  expect([...statuses].sort()).toEqual(["bankrupt", "liquidation", "ok", "reduce-only", "warning"]);
});
