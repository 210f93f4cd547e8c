// Rows follow what they rest on, a round of refreshing says from when on they do, and what is watched goes first.
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { AccountAt, ControlAt, PositionAt } from "../../src/shared/layout/shard";
import { WATCH_PASSES } from "../../src/shared/limits";
import { ASSETS, deskReference } from "./desk";
import { DirectShard, loadKernel } from "./direct-shard";
import { Script } from "./script";

const ACCOUNTS = 50;
let kernel: WebAssembly.Module;
let shard: DirectShard;
let script: Script;
beforeAll(() => {
  kernel = loadKernel();
});
beforeEach(() => {
  script = new Script();
  shard = new DirectShard(kernel, { accounts: 64, balances: 256, positions: 256, orders: 64 });
  shard.reference(deskReference());
  for (const id of [1, 2]) shard.marketData(script.mark(id, 1));
  for (let account = 1; account <= ACCOUNTS; account++)
    script.transfer(account, ASSETS.USDT, 1e6).fill(account, 1 + (account % 2), 1);
  shard.accounts(script.done());
  shard.refreshAll();
});

const markOf = (slot: number) => shard.doubles[(shard.positionsOf(slot)[0]! + PositionAt.markPrice) / 8];
const fromNs = () => shard.doubles[(shard.controlAt + ControlAt.refreshedFromNs) / 8];
const sweepAt = (limit: number, nowNs: number) => {
  shard.doubles[(shard.controlAt + ControlAt.nowNs) / 8] = nowNs;
  return shard.kernel.sweep(limit);
};
const isDone = () => shard.control(ControlAt.sweepsDue) === shard.control(ControlAt.sweepsDone);

describe("a round of refreshing", () => {
  it("values those who hold what has moved, and nobody else", () => {
    const valuations = shard.counter(ControlAt.valuations);
    shard.marketData(script.mark(2, 1.01));
    shard.refreshAll();
    expect(shard.counter(ControlAt.valuations) - valuations).toBe(ACCOUNTS / 2);
    for (let slot = 0; slot < ACCOUNTS; slot++) expect(markOf(slot)).toBe(slot % 2 ? 60_000 : 2_525);
    // The others' turn: whoever was valued last time stands at what he holds.
    shard.marketData(script.mark(1, 1.01));
    shard.refreshAll();
    expect(shard.counter(ControlAt.valuations) - valuations).toBe(ACCOUNTS);
  });

  it("values those whose money has another price", () => {
    shard.setPrice(ASSETS.USDT, 0.5);
    shard.refreshAll();
    for (let slot = 0; slot < ACCOUNTS; slot++)
      expect(shard.doubles[(shard.accountAt(slot) + AccountAt.walletUsd) / 8]).toBe(0.5e6);
  });

  it("is over when nothing has moved since it began, and rows rest on what was there then", () => {
    shard.marketData(script.mark(1, 1.01));
    expect(isDone()).toBe(false);
    sweepAt(10, 1000);
    // Some are behind the round already.
    shard.marketData(script.mark(1, 1.02));
    for (let n = 0; n < 100 && fromNs() !== 1000; n++) sweepAt(10, 2000);
    expect(fromNs()).toBe(1000);
    expect(isDone()).toBe(false);
    for (let n = 0; n < 100 && fromNs() === 1000; n++) sweepAt(10, 3000);
    expect(fromNs()).toBe(3000);
    expect(isDone()).toBe(true);
    expect(sweepAt(10, 4000)).toBe(0);
    for (let slot = 1; slot < ACCOUNTS; slot += 2) expect(markOf(slot)).toBe(slot % 2 ? 61_200 : 2_500);
  });

  it("takes everybody where that is asked for", () => {
    const valuations = shard.counter(ControlAt.valuations);
    shard.kernel.revalueAll();
    shard.refreshAll();
    expect(shard.counter(ControlAt.valuations) - valuations).toBe(ACCOUNTS);
  });
});

describe("a watched account", () => {
  const round = () => {
    shard.kernel.revalueAll();
    shard.refreshAll();
  };

  it("is forgotten after some rounds, whatever their number", () => {
    for (let n = 0; n < 300; n++) round();
    const watched = (rounds: number) => {
      shard.view.watch(1);
      for (let n = 0; n < rounds; n++) round();
      shard.marketData(script.mark(1, 1 + 0.01 * rounds + 0.001));
      return shard.kernel.refreshWatchedRows();
    };
    expect(watched(0)).toBe(1);
    expect(watched(WATCH_PASSES)).toBe(1);
    expect(watched(WATCH_PASSES + 1)).toBe(0);
  });

  it("that is not there harms nobody", () => {
    shard.view.watch(ACCOUNTS);
    shard.view.watch(1_000_000);
    shard.marketData(script.mark(1, 1.01));
    expect(shard.kernel.refreshWatchedRows()).toBe(0);
  });
});
