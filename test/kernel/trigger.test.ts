// Whoever crossed a line is told of after the tick that took him over it, and nobody else: as if every account were valued at
// every tick.
import { beforeAll, describe, expect, it } from "vitest";
import { ControlAt } from "../../src/shared/layout/shard";
import { Prng } from "../../src/sim/prng";
import { DeskFlow, DeskMarket, deskReference, wayOf } from "./desk";
import { DirectShard, loadKernel } from "./direct-shard";

let kernel: WebAssembly.Module;
beforeAll(() => {
  kernel = loadKernel();
});

const CAPACITY = { accounts: 1024, balances: 8192, positions: 16_384, orders: 65_536, alertRecords: 65_536 };

/** A shard that looks only where it must, and one that values everybody at every tick. */
class Pair {
  readonly prng: Prng;
  readonly subject = new DirectShard(kernel, CAPACITY);
  readonly brute = new DirectShard(kernel, CAPACITY);
  readonly market: DeskMarket;
  readonly flow: DeskFlow;
  told = 0;

  constructor(seed: number, accounts: number) {
    this.prng = Prng.seeded(seed, 11);
    this.market = new DeskMarket(this.prng);
    this.flow = new DeskFlow(this.prng, accounts);
    const reference = deskReference();
    this.subject.reference(reference);
    this.brute.reference(reference);
    for (const message of this.flow.open()) this.events(message);
  }

  events(message: Uint8Array): void {
    this.subject.accounts(message);
    this.brute.accounts(message);
    this.compare("after events");
  }

  marks(message: Uint8Array): void {
    this.subject.marketData(message);
    this.brute.marketData(message);
  }

  /** Everybody valued at the marks of now, one way and the other. */
  settle(chunk: number): void {
    this.subject.triggerAll(chunk);
    this.brute.kernel.revalueAll();
    this.brute.refreshAll();
    this.compare("after a tick");
  }

  private compare(when: string): void {
    const byAccount = (shard: DirectShard) =>
      shard
        .takeAlerts()
        .map(({ account, from, to }) => `${account} (${wayOf(account)}): ${from} to ${to}`)
        .sort();
    const told = byAccount(this.subject);
    expect(told, when).toEqual(byAccount(this.brute));
    this.told += told.length;
  }
}

describe("after a tick", () => {
  it.each([1, 2, 3, 4, 5, 6])(
    "the accounts told of are those that brute force finds, on walks with jumps and fills between, seed %i",
    (seed) => {
      const pair = new Pair(seed, 240);
      const { subject, prng, market, flow } = pair;
      pair.marks(market.first());
      pair.settle(64);
      for (let i = 0; i < 30; i++) pair.events(flow.some(60, market));
      pair.marks(market.tick());
      pair.settle(64);
      const looksBefore = subject.counter(ControlAt.triggerPools);
      const passesBefore = subject.counter(ControlAt.triggerPasses);
      let ticks = 0;
      for (let round = 0; round < 500; round++) {
        const what = prng.below(10);
        if (what < 5) {
          // Several ticks may come before anybody looks.
          for (let n = prng.below(3); n >= 0; n--) pair.marks(market.tick());
          pair.settle(1 + prng.below(200));
          ticks++;
        } else if (what === 5) pair.events(flow.some(1 + prng.below(20), market));
        // The walk anchors anew whenever it likes, and stops half-way.
        else if (what < 9) for (let n = prng.below(20); n >= 0; n--) subject.kernel.walk(1 + prng.below(40));
        else subject.kernel.sweep(1 + prng.below(100));
        pair.settle(1 + prng.below(100));
      }
      const looks = subject.counter(ControlAt.triggerPools) - looksBefore;
      const passes = subject.counter(ControlAt.triggerPasses) - passesBefore;
      console.log(
        `seed ${seed}: ${ticks} ticks, ${pair.told} changes of status, ${(looks / passes).toFixed(1)} pools looked at a pass, ${subject.counter(ControlAt.poolWalks)} walks`,
      );
      expect(pair.told).toBeGreaterThan(500);
      expect(subject.counter(ControlAt.poolWalks)).toBeGreaterThan(5);
    },
  );

  it.each([1, 2, 3])("nobody is missed where events and marks come in the middle of a pass, seed %i", (seed) => {
    const pair = new Pair(100 + seed, 240);
    const { subject, brute, prng, market, flow } = pair;
    pair.marks(market.first());
    pair.settle(64);
    for (let i = 0; i < 30; i++) pair.events(flow.some(60, market));
    for (let round = 0; round < 150; round++) {
      for (let step = 0; step < 6; step++) {
        const what = prng.below(4);
        if (what === 0) pair.marks(market.tick());
        if (what === 1) {
          const message = flow.some(1 + prng.below(10), market);
          subject.accounts(message);
          brute.accounts(message);
        }
        subject.kernel.trigger(1 + prng.below(20));
        subject.kernel.walk(1 + prng.below(10));
      }
      subject.triggerAll();
      brute.kernel.revalueAll();
      brute.refreshAll();
      for (let slot = 0; slot < subject.accountCount; slot++)
        expect(subject.toldStatus(slot), `slot ${slot}`).toBe(brute.toldStatus(slot));
    }
  });

  it("a quote, or a mark that says what was known, has nobody looked at", () => {
    const pair = new Pair(7, 120);
    const { subject, market, flow } = pair;
    pair.marks(market.first());
    pair.settle(64);
    for (let i = 0; i < 10; i++) pair.events(flow.some(60, market));
    pair.settle(64);
    subject.kernel.walk(0x7fffffff);
    subject.refreshAll();
    const looks = subject.counter(ControlAt.triggerPools);
    const valuations = subject.counter(ControlAt.valuations);
    pair.marks(market.quote(1));
    subject.triggerAll();
    subject.refreshAll();
    expect(subject.counter(ControlAt.triggerPools)).toBe(looks);
    expect(subject.counter(ControlAt.valuations)).toBe(valuations);
  });
});
