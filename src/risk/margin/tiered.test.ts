// Tables of tiers: what holds for every table, and numbers venues print for theirs.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { tierTable, uniform } from "../portfolio/lines.test-support";
import { type Tier, tieredMaintenance } from "../portfolio/plain.test-support";
import { MODEL_TIERED, NOTIONAL_AT_MARK, PAYOFF_LINEAR, Workspace } from "../portfolio/workspace";
import { initialMargin, maintenanceMargin } from "./model";
import { deriveDeductions } from "./tiered";

// An instrument of unit contracts under a table, deductions derived.
function tableOf(tiers: Tier[], feeRate = 0): Workspace {
  const ws = new Workspace(1, 1, tiers.length, 1, 1);
  ws.instrumentModel[0] = MODEL_TIERED;
  ws.instrumentNotionalAt[0] = NOTIONAL_AT_MARK;
  ws.instrumentPayoff[0] = PAYOFF_LINEAR;
  ws.instrumentLiquidationFeeRate[0] = feeRate;
  ws.instrumentTierFirst[0] = 0;
  ws.instrumentTierCount[0] = tiers.length;
  tiers.forEach((tier, row) => {
    ws.tierFloor[row] = tier.notionalFloor;
    ws.tierInitialRate[row] = tier.initialRate ?? Number.NaN;
    ws.tierMaintenanceRate[row] = tier.maintenanceRate;
  });
  deriveDeductions(ws, 0, tiers.length);
  return ws;
}

const marginAt = (ws: Workspace, notional: number): number => maintenanceMargin(ws, 0, 1, notional, notional);

describe("a table of tiers", () => {
  it("has a maintenance margin that is continuous at every floor", () => {
    fc.assert(
      fc.property(tierTable(1), (tiers) => {
        const ws = tableOf(tiers);
        for (const { notionalFloor } of tiers.slice(1)) {
          const step = notionalFloor * 1e-9;
          const jump = marginAt(ws, notionalFloor) - marginAt(ws, notionalFloor - step);
          expect(jump).toBeGreaterThanOrEqual(-notionalFloor * 1e-15);
          expect(jump).toBeLessThanOrEqual(step * 0.5 + notionalFloor * 1e-15);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("gives the margin of its slices, each at its own rate", () => {
    fc.assert(
      fc.property(tierTable(1), uniform(1e-9, 1), uniform(0, 0.01), (tiers, share, feeRate) => {
        const notional = share * 2 * Math.max(tiers.at(-1)!.notionalFloor, 1000);
        const expected = tieredMaintenance(tiers, feeRate, notional);
        expect(Math.abs(marginAt(tableOf(tiers, feeRate), notional) - expected)).toBeLessThanOrEqual(notional * 1e-14);
      }),
      { numRuns: 2000 },
    );
  });

  it("never needs less margin for more notional, nor more margin than notional", () => {
    fc.assert(
      fc.property(tierTable(1), uniform(0, 1), uniform(1, 2), (tiers, share, factor) => {
        const ws = tableOf(tiers);
        const notional = share * 2 * Math.max(tiers.at(-1)!.notionalFloor, 1000);
        expect(marginAt(ws, notional * factor)).toBeGreaterThanOrEqual(marginAt(ws, notional) - notional * 1e-14);
        expect(marginAt(ws, notional)).toBeLessThanOrEqual(notional);
        expect(marginAt(ws, notional)).toBeGreaterThanOrEqual(0);
      }),
      { numRuns: 2000 },
    );
  });

  it("gives a floor to the tier that begins there", () => {
    const ws = tableOf([
      { notionalFloor: 0, initialRate: 0.01, maintenanceRate: 0.005 },
      { notionalFloor: 1000, initialRate: 0.02, maintenanceRate: 0.01 },
    ]);
    expect(initialMargin(ws, 0, 1, 999, 0)).toBeCloseTo(9.99, 12);
    expect(initialMargin(ws, 0, 1, 1000, 0)).toBeCloseTo(20, 12);
    expect(initialMargin(ws, 0, 1, 1000, 20)).toBe(50);
  });

  it("has the maintenance amounts Binance prints for BTCUSDT (2021-03-18)", () => {
    const rates = [0.004, 0.005, 0.01, 0.025, 0.05, 0.1, 0.125, 0.15, 0.25, 0.5];
    const floors = [0, 50e3, 250e3, 1e6, 10e6, 20e6, 50e6, 100e6, 200e6, 300e6];
    const amounts = [0, 50, 1300, 16_300, 266_300, 1_266_300, 2_516_300, 5_016_300, 25_016_300, 100_016_300];
    const ws = tableOf(floors.map((notionalFloor, i) => ({ notionalFloor, maintenanceRate: rates[i]! })));
    amounts.forEach((amount, row) => {
      expect(ws.tierDeduction[row]).toBeCloseTo(amount, 6);
    });
  });
});
