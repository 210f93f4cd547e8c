// One portfolio in, its risk out: the whole of `plimsoll eval` but the command, and what REST calls. JSON is read into a workspace,
// evaluated by the same code the shards run, and written as JSON.

import { evaluate } from "./portfolio/evaluate";
import { type LineSize, measureLine, readLine } from "./portfolio/read-line";
import { Workspace } from "./portfolio/workspace";
import { type PortfolioRisk, writeLine } from "./portfolio/write-line";

/** Rows to begin with: most portfolios fit, larger ones double it. */
const FIRST_SIZE: LineSize = { assets: 16, instruments: 32, tiers: 256, positions: 32, orders: 32 };

/**
 * Makes a function that evaluates portfolios one after the other in one workspace, which grows to the largest it has met.
 *
 * The function takes one parsed line as `plimsoll eval` defines it, keeps nothing of it and reads no clock.
 * It throws FieldError (src/risk/validate.ts) for the first field that is wrong, and evaluates the next portfolio as if nothing had
 * happened.
 */
export function createPortfolioEvaluator(): (line: unknown) => PortfolioRisk {
  let ws = newWorkspace(FIRST_SIZE);
  return (line) => {
    const need = measureLine(line);
    if (!fits(ws, need)) ws = newWorkspace(grown(ws, need));
    const names = readLine(line, ws);
    evaluate(ws);
    return writeLine(ws, names);
  };
}

function newWorkspace(size: LineSize): Workspace {
  return new Workspace(size.assets, size.instruments, size.tiers, size.positions, size.orders);
}

function fits(ws: Workspace, need: LineSize): boolean {
  return (
    need.assets <= ws.assetCapacity &&
    need.instruments <= ws.instrumentCapacity &&
    need.tiers <= ws.tierCapacity &&
    need.positions <= ws.positionCapacity &&
    need.orders <= ws.orderCapacity
  );
}

function grown(ws: Workspace, need: LineSize): LineSize {
  return {
    assets: Math.max(ws.assetCapacity, need.assets * 2),
    instruments: Math.max(ws.instrumentCapacity, need.instruments * 2),
    tiers: Math.max(ws.tierCapacity, need.tiers * 2),
    positions: Math.max(ws.positionCapacity, need.positions * 2),
    orders: Math.max(ws.orderCapacity, need.orders * 2),
  };
}
