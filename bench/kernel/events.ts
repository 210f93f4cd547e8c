// The fills every contestant is given: the same ones, in the same order, as columns made before the clock starts.
import { Prng } from "../../src/sim/prng";
import { CONTRACT_COUNT, CONTRACTS } from "./contracts";

export interface Fills {
  count: number;
  /** 0-based. */
  account: Uint32Array;
  /** 0-based index in CONTRACTS. */
  contract: Uint8Array;
  /** 1 buy, 2 sell. */
  side: Uint8Array;
  qtyLots: Float64Array;
  priceTicks: Float64Array;
  /** 1e-8 of the settle asset. */
  fee: Float64Array;
}

function newFills(count: number): Fills {
  return {
    count,
    account: new Uint32Array(count),
    contract: new Uint8Array(count),
    side: new Uint8Array(count),
    qtyLots: new Float64Array(count),
    priceTicks: new Float64Array(count),
    fee: new Float64Array(count),
  };
}

/** The contract of an account's k-th position: spread over all of them. */
export function contractOf(account: number, k: number, held: number): number {
  return held === CONTRACT_COUNT ? k : (account * 7 + k * 5) % CONTRACT_COUNT;
}

/**
 * Fills of one population of accounts, the same for the same numbers. Positions go up and down around nothing: an account
 * trades, it does not pile up.
 */
export class FillSource {
  private readonly prng: Prng;
  private readonly positions: Float64Array;

  constructor(
    readonly accounts: number,
    readonly held: number,
  ) {
    this.prng = Prng.seeded(1, accounts * 16 + held);
    this.positions = new Float64Array(accounts * CONTRACT_COUNT);
  }

  private draw(fills: Fills, i: number, account: number, contract: number): void {
    const { prng } = this;
    const { typicalLots, ticks } = CONTRACTS[contract]!;
    const at = account * CONTRACT_COUNT + contract;
    const qtyLots = 1 + prng.below(typicalLots);
    // Chance to add falls from a half to nothing at four times the typical size.
    const reduces = prng.nextUnit() < 0.5 + Math.abs(this.positions[at]!) / (8 * typicalLots);
    const side = this.positions[at]! > 0 === reduces ? 2 : 1;
    this.positions[at] = this.positions[at]! + (side === 1 ? qtyLots : -qtyLots);
    fills.account[i] = account;
    fills.contract[i] = contract;
    fills.side[i] = side;
    fills.qtyLots[i] = qtyLots;
    fills.priceTicks[i] = Math.round(ticks * (0.999 + 0.002 * prng.nextUnit()));
    fills.fee[i] = prng.below(20_000) - 2_000;
  }

  /** One fill for every account and contract it holds. */
  opening(): Fills {
    const fills = newFills(this.accounts * this.held);
    let i = 0;
    for (let k = 0; k < this.held; k++)
      for (let account = 0; account < this.accounts; account++) this.draw(fills, i++, account, contractOf(account, k, this.held));
    return fills;
  }

  /** Fills of accounts and contracts drawn evenly. */
  next(count: number): Fills {
    const fills = newFills(count);
    for (let i = 0; i < count; i++) {
      const account = this.prng.below(this.accounts);
      this.draw(fills, i, account, contractOf(account, this.prng.below(this.held), this.held));
    }
    return fills;
  }
}
