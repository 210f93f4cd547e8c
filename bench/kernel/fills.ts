// Ledger, margin and liquidation prices per fill: kernel, typed arrays, objects.
import assert from "node:assert";
import { AccountAt, PositionAt } from "../../src/shared/layout/shard";
import { CONTRACT_COUNT } from "./contracts";
import { FillSource } from "./events";
import { ObjectRisk } from "./objects";
import { median, spread } from "./spread";
import { TypedArrayRisk } from "./typed-arrays";
import { BATCH, KernelWorld } from "./world";

export interface FillsResult {
  accounts: number;
  /** Positions of each account. */
  held: number;
  /** Median millions of fills a second. */
  kernel: number;
  /** The same, each fill valued before the next is applied. */
  kernelOneByOne: number;
  typedArrays: number;
  objects: number;
  /** Median of the pairs' ratios, and their range. */
  againstTypedArrays: number;
  againstTypedArraysSpread: [number, number];
  againstObjects: number;
  againstObjectsSpread: [number, number];
}

const FILLS = 100_000;

export function runFills(kernelFile: string, isQuick: boolean, say: (line: string) => void): FillsResult[] {
  say(
    "\nledger + margin + liquidation price per fill, M fills/s (median; messages of 64, every account valued after each message)",
  );
  say("accounts × positions    kernel  one by one  typed arrays  objects   ÷ typed arrays        ÷ objects");
  const shapes: [number, number][] = isQuick
    ? [
        [1_000, 2],
        [1_000, 16],
        [10_000, 16],
      ]
    : [
        [1_000, 1],
        [1_000, 2],
        [1_000, 16],
        [10_000, 1],
        [10_000, 2],
        [10_000, 16],
        [250_000, 1],
        [250_000, 2],
        [250_000, 16],
      ];
  return shapes.map(([accounts, held]) => shape(kernelFile, accounts, held, isQuick ? 5 : 9, say));
}

function shape(kernelFile: string, accounts: number, held: number, rounds: number, say: (line: string) => void): FillsResult {
  const world = new KernelWorld(kernelFile, accounts, held);
  const arrays = new TypedArrayRisk(accounts, held);
  // Sixteen positions for each of 250,000 accounts as objects: more than a default heap.
  const objects = accounts * held <= 1_000_000 ? new ObjectRisk(accounts, held) : null;
  const source = new FillSource(accounts, held);
  const opening = source.opening();
  world.timedFills(opening, BATCH + 1);
  arrays.apply(opening);
  objects?.apply(opening);

  const kernel: number[] = [];
  const oneByOne: number[] = [];
  const typed: number[] = [];
  const object: number[] = [];
  const timed = (run: () => void) => {
    const start = process.hrtime.bigint();
    run();
    return Number(process.hrtime.bigint() - start);
  };
  for (let round = 0; round <= rounds; round++) {
    const fills = source.next(FILLS);
    const single = source.next(FILLS);
    const perSecond = (ns: number) => (FILLS * 1e3) / ns;
    const a = perSecond(world.timedFills(fills, BATCH + 1));
    const b = perSecond(timed(() => arrays.apply(fills)));
    const c = objects ? perSecond(timed(() => objects.apply(fills))) : Number.NaN;
    const d = perSecond(world.timedFills(single, 1));
    arrays.apply(single);
    objects?.apply(single);
    if (round === 0) continue;
    kernel.push(a);
    typed.push(b);
    object.push(c);
    oneByOne.push(d);
  }
  checkFills(world, arrays, objects, accounts, held);
  const overTyped = kernel.map((value, i) => value / typed[i]!);
  const overObjects = kernel.map((value, i) => value / object[i]!);
  const result: FillsResult = {
    accounts,
    held,
    kernel: median(kernel),
    kernelOneByOne: median(oneByOne),
    typedArrays: median(typed),
    objects: median(object),
    againstTypedArrays: median(overTyped),
    againstTypedArraysSpread: spread(overTyped),
    againstObjects: median(overObjects),
    againstObjectsSpread: spread(overObjects),
  };
  const ratio = (value: number, [low, high]: [number, number]) =>
    Number.isNaN(value) ? "-".padStart(20) : `${value.toFixed(2)} (${low.toFixed(2)} … ${high.toFixed(2)})`.padStart(20);
  say(
    `${String(accounts).padStart(8)} × ${String(held).padEnd(2)}        ${result.kernel.toFixed(2).padStart(9)} ${result.kernelOneByOne
      .toFixed(2)
      .padStart(11)} ${result.typedArrays.toFixed(2).padStart(13)} ${result.objects.toFixed(2).padStart(8)} ${ratio(
      result.againstTypedArrays,
      result.againstTypedArraysSpread,
    )} ${ratio(result.againstObjects, result.againstObjectsSpread)}`,
  );
  return result;
}

/** Throws where the contestants differ: wallets at all, valuations by more than 1e-9 of what is added up, liquidation prices among them. */
export function checkFills(
  world: KernelWorld,
  arrays: TypedArrayRisk,
  objects: ObjectRisk | null,
  accounts: number,
  held: number,
): void {
  const close = (a: number, b: number, scale: number, what: string) => {
    if (Number.isNaN(a) && Number.isNaN(b)) return;
    assert(a === b || Math.abs(a - b) <= 1e-9 * scale, `${what}: ${a} and ${b}`);
  };
  const step = Math.max(1, Math.floor(accounts / 5_000));
  for (let slot = 0; slot < accounts; slot += step) {
    const scale = arrays.grossExposureUsd[slot]! + Math.abs(arrays.walletUsd[slot]!) + 1;
    close(world.account(slot, AccountAt.walletUsd), arrays.walletUsd[slot]!, 1e-6, `wallet of ${slot}`);
    close(world.account(slot, AccountAt.equityUsd), arrays.equityUsd[slot]!, scale, `equity of ${slot}`);
    close(world.account(slot, AccountAt.initialMarginUsd), arrays.initialMarginUsd[slot]!, scale, `IM of ${slot}`);
    close(world.account(slot, AccountAt.maintenanceMarginUsd), arrays.maintenanceMarginUsd[slot]!, scale, `MM of ${slot}`);
    close(world.account(slot, AccountAt.leverage), arrays.leverage[slot]!, arrays.leverage[slot]! * 1e3, `leverage of ${slot}`);
    assert.strictEqual(world.status(slot), arrays.status[slot], `status of ${slot}`);
    const rows = world.positions(slot);
    assert.strictEqual(rows.size, held);
    for (const [contract, row] of rows) {
      const p = slot * CONTRACT_COUNT + contract;
      const what = `contract ${contract} of ${slot}`;
      close(row(PositionAt.unrealizedPnl), arrays.unrealizedPnl[p]!, scale, `PnL, ${what}`);
      close(row(PositionAt.maintenanceMargin), arrays.maintenanceMargin[p]!, scale, `MM, ${what}`);
      const price = arrays.liquidationPrice[p]!;
      const size = Math.abs(arrays.notional[p]!) / arrays.markPrice[p]!;
      close(row(PositionAt.liquidationPrice), price, Math.abs(price) + scale / size, `liquidation price, ${what}`);
      close(row(PositionAt.bankruptcyPrice), arrays.bankruptcyPrice[p]!, Math.abs(price) + scale / size, `bankruptcy, ${what}`);
    }
    const risk = objects?.accounts.get(slot)?.risk;
    if (!risk) continue;
    close(risk.equityUsd, arrays.equityUsd[slot]!, scale, `equity of ${slot} in objects`);
    close(risk.maintenanceMarginUsd, arrays.maintenanceMarginUsd[slot]!, scale, `MM of ${slot} in objects`);
    for (const position of risk.positions) {
      const price = arrays.liquidationPrice[slot * CONTRACT_COUNT + position.instrumentId - 1]!;
      close(position.liquidationPrice ?? Number.NaN, price, Math.abs(price) * 1e3, `liquidation price of ${slot} in objects`);
    }
  }
}
