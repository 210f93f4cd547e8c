// Two threads at full speed: one writes as the engine does, the other reads as it does. Whatever the reader accepts satisfies what
// only a whole row, or record, can; and a reader that does not look twice is caught. A bounded number of operations, printed.
import { readFileSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { afterAll, describe, expect, test } from "vitest";
import { AccountLane } from "../../src/ingest/account-lane";
import { Books } from "../../src/ingest/books";
import { MarketLane } from "../../src/ingest/market-lane";
import { MarketTable } from "../../src/ingest/market-table";
import { ReferenceLane } from "../../src/ingest/reference-lane";
import { MarketCopy, TORN } from "../../src/shards/market-copy";
import { InstrumentAt, MARKET_BYTES, MARKET_INSTRUMENTS_OFFSET, MARKET_VERSIONS_OFFSET } from "../../src/shared/layout/market";
import { RingAt } from "../../src/shared/layout/ring";
import { ControlAt, FillAt } from "../../src/shared/layout/shard";
import { KERNEL_RESERVED_BYTES } from "../../src/shared/limits";
import { initRing, RingConsumer } from "../../src/shared/ring";
import { createShardMemory, DEFAULT_SHARD_CAPACITY } from "../../src/shared/shard-memory";
import { MarketView } from "../../src/shared/views/market-view";
import { ShardView } from "../../src/shared/views/shard-view";
import { AccountBatchWriter, EventFlag, MarketBatchWriter } from "../../src/shared/wire/encode";
import { INITIAL_RATE, MARK, PRICE, RECORD_WORDS, referenceMessage, TIME_MS, WALLET } from "./orders";
import { startWriter } from "./start-writer";

const FILLS = 25_000;
const TERMS_STEPS = 24_000;
const MARKET_VERSIONS = 120_000;
const RING_RECORDS = 600_000;
/** A plant that does not show in this time is not caught. */
const PLANT_MS = 30_000;
const FRESH = { staleAfterMs: 1e9 };

const told: string[] = [];
afterAll(() => console.log(told.join("\n")));

/** A shard whose kernel runs on another thread, fed from this one. */
async function startShard() {
  const table = new MarketTable();
  new ReferenceLane(table).take(referenceMessage());
  const marks = new MarketBatchWriter(1);
  for (const instrument of [1, 2, 3]) marks.mark({ instrument, seq: 1, timeMs: TIME_MS, priceTicks: MARK });
  new MarketLane(table, new Books(table, (id) => `#${id}`), table).take(marks.finish());
  table.publish();
  const memory = createShardMemory(0, { ...DEFAULT_SHARD_CAPACITY, accounts: 16, balances: 64, positions: 64, orders: 64 });
  const buffer = memory.buffer as unknown as SharedArrayBuffer;
  const kernel = new WebAssembly.Module(readFileSync("dist/kernel.wasm"));
  const writer = await startWriter({ type: "shard", memory, market: table.memory, kernel });
  const words = new Int32Array(buffer);
  const fills = new RingConsumer(buffer, words[(KERNEL_RESERVED_BYTES + ControlAt.fillRing) / 4]! >>> 0);
  const longs = new BigInt64Array(buffer);
  let sent = 0;
  let stored = 0;
  let steps = 0;
  const lane = new AccountLane(buffer, table);
  return {
    view: new ShardView(buffer, new MarketView(table.memory, FRESH), FRESH),
    stop: () => writer.stop(),
    get sent() {
      return sent;
    },
    get stored() {
      return stored;
    },
    /** The account's fills go up by `fills`: odd ones buy a lot of instrument 1, even ones of 2. False where the ring is full. */
    offer(fills: number): boolean {
      const batch = new AccountBatchWriter(1);
      if (sent === 0) batch.transfer({ seq: 1, account: 1, timeMs: TIME_MS, asset: 1, amount: WALLET * 1e8 });
      for (let i = 1; i <= fills; i++) {
        const n = sent + i;
        const fill = { account: 1, timeMs: TIME_MS, side: 1 as const, qtyLots: 1, priceTicks: PRICE };
        batch.fill({ seq: n + 1, instrument: n % 2 === 1 ? 1 : 2, ...fill });
      }
      const taken = lane.offer(batch.finish(), offset);
      if (taken === "full") return false;
      expect(taken).toBe("published");
      offset++;
      sent += fills;
      return true;
    },
    get steps() {
      return steps;
    },
    /** A step more of what `TERMS` looks at, of both accounts. False where the ring is full. */
    offerTerms(): boolean {
      const batch = new AccountBatchWriter(1);
      const j = steps + 1;
      // Which of the two is first changes, so that rows that were the one's become the other's.
      for (const account of Math.ceil(j / CYCLE) % 2 === 0 ? [1, 2] : [2, 1]) {
        if (j === 1) batch.transfer({ seq: 1, account, timeMs: TIME_MS, asset: 1, amount: WALLET * 1e8 });
        const on = { seq: j + 1, account, timeMs: TIME_MS, instrument: 3, flags: EventFlag.Isolated };
        if (j % 3 === 1) batch.orderPlaced({ ...on, side: 1, qtyLots: j, priceTicks: PRICE, order: 1 });
        else if (j % 3 === 2) batch.positionSettings({ ...on, leverageE8: j * 1e8 });
        else batch.isolatedTransfer({ ...on, amount: 1e8 });
      }
      if (j % CYCLE === 0) batch.expirySettlement({ seq: j / CYCLE, timeMs: TIME_MS, instrument: 3, priceTicks: PRICE });
      const taken = lane.offer(batch.finish(), offset);
      if (taken === "full") return false;
      expect(taken).toBe("published");
      offset++;
      steps = j;
      return true;
    },
    /** What the store would read: fill n says what the position is after it. */
    takeFills(): void {
      const count = fills.readable();
      for (let i = 0; i < count; i++) {
        const n = ++stored;
        const at = fills.recordOffset(i);
        const lots = Number(longs[(at + FillAt.positionLots) / 8]);
        if (lots !== Math.ceil(n / 2) || words[(at + FillAt.instrument) / 4] !== (n % 2 === 1 ? 1 : 2))
          throw new Error(`fill ${n} is told as one after which there are ${lots} lots`);
      }
      fills.release(count);
    },
  };
}
let offset = 0;

type Shard = Awaited<ReturnType<typeof startShard>>;

/** Takes away the second look, and the first. */
function lookOnce(view: ShardView): void {
  const blind = view as unknown as { row(slot: number): number; consistent(slot: number, read: (row: number) => void): boolean };
  blind.consistent = (slot, read) => {
    read(blind.row(slot));
    return true;
  };
}

/** What the three reads of an account say, each by itself: null where it fits, else what does not. */
const READS: Record<string, (view: ShardView) => { fills: number; wrong: string | null } | null> = {
  account(view) {
    const account = view.account(0);
    if (account === null || account.seq < 1) return null;
    const n = account.seq - 1;
    const expected = [WALLET, (MARK - PRICE) * n, WALLET + (MARK - PRICE) * n, MARK * n, MARK * n, MARK * n * INITIAL_RATE];
    const { walletBalanceUsd, unrealizedPnlUsd, equityUsd, grossExposureUsd, netExposureUsd, initialMarginUsd } = account;
    const found = [walletBalanceUsd, unrealizedPnlUsd, equityUsd, grossExposureUsd, netExposureUsd, initialMarginUsd];
    return { fills: n, wrong: String(found) === String(expected) ? null : `${n} fills and ${found}` };
  },
  positions(view) {
    const positions = view.positions(0);
    if (positions === null) return null;
    const qty = [1, 2].map((id) => positions.find(({ instrumentId }) => instrumentId === id)?.qty ?? 0);
    const fills = qty[0]! + qty[1]!;
    const fits =
      qty[0] === Math.ceil(fills / 2) &&
      positions.every(({ qty, notional, unrealizedPnl, initialMargin, entryPrice }) => {
        const worth = [qty * MARK, qty * (MARK - PRICE), qty * MARK * INITIAL_RATE, PRICE];
        return String([notional, unrealizedPnl, initialMargin, entryPrice]) === String(worth);
      });
    return { fills, wrong: fits ? null : JSON.stringify(positions) };
  },
  ledger(view) {
    const ledger = view.ledger(0);
    if (ledger === null) return null;
    const fills = Number(ledger.seq) - 1;
    const lots = [1, 2].map((id) => Number(ledger.positions.find(({ instrumentId }) => instrumentId === id)?.qtyLots ?? 0));
    const cash = ledger.positions.every(({ qtyLots, openCash }) => Math.abs(Number(openCash)) === Number(qtyLots) * PRICE * 1e8);
    const fits = fills < 0 || (lots[0] === Math.ceil(fills / 2) && lots[1] === Math.floor(fills / 2) && cash);
    return { fills, wrong: fits ? null : JSON.stringify(ledger) };
  },
};

/** Feeds the shard and reads between, until all was fed or `isEnough`. */
async function readWhileFed(
  shard: Shard,
  isEnough: () => boolean,
  onRead: (name: string, read: (view: ShardView) => void) => void,
) {
  while (shard.view.accountCount() === 0) {
    if (shard.sent === 0) shard.offer(1);
    await turn();
  }
  for (let i = 0; !isEnough(); i++) {
    shard.offer(1 + (i % 3));
    shard.takeFills();
    for (const name of Object.keys(READS)) onRead(name, () => undefined);
    if (i % 1000 === 0) await turn();
  }
}

describe("an account's row that the kernel writes on another thread", () => {
  test("is never torn and never goes back", async () => {
    const shard = await startShard();
    const accepted: Record<string, number> = {};
    const last: Record<string, number> = {};
    let givenUp = 0;
    await readWhileFed(
      shard,
      () => shard.sent >= FILLS,
      (name) => {
        const read = READS[name]!(shard.view);
        if (read === null) return void givenUp++;
        expect(read.wrong).toBeNull();
        if (read.fills < (last[name] ?? 0)) throw new Error(`${name}: ${read.fills} fills after ${last[name]}`);
        last[name] = read.fills;
        accepted[name] = (accepted[name] ?? 0) + 1;
      },
    );
    while (shard.view.status().eventsApplied < shard.sent + 1) shard.takeFills();
    while (shard.stored < shard.sent) shard.takeFills();
    const { rejected, duplicates, gaps, valuations } = shard.view.status();
    await shard.stop();
    expect({ rejected, duplicates, gaps }).toEqual({ rejected: 0, duplicates: 0, gaps: 0 });
    expect(READS.account!(shard.view)).toEqual({ fills: shard.sent, wrong: null });
    told.push(
      `account rows: ${shard.sent} fills through two rings, ${valuations} valuations, read ${JSON.stringify(accepted)}, given up ${givenUp}`,
    );
    for (const name of Object.keys(READS)) expect(accepted[name]).toBeGreaterThan(1000);
  });

  test("is found torn by a reader that does not look whether it moved", async () => {
    const shard = await startShard();
    lookOnce(shard.view);
    const torn: Record<string, number> = {};
    let reads = 0;
    const deadline = performance.now() + PLANT_MS;
    await readWhileFed(
      shard,
      () => Object.keys(torn).length === Object.keys(READS).length || performance.now() > deadline,
      (name) => {
        reads++;
        if (READS[name]!(shard.view)?.wrong) torn[name] = (torn[name] ?? 0) + 1;
      },
    );
    await shard.stop();
    told.push(`account rows, not looked at twice: torn ${JSON.stringify(torn)} in ${reads} reads`);
    expect(Object.keys(torn).sort()).toEqual(Object.keys(READS).sort());
  });
});

/** Steps from one expiry to the next. */
const CYCLE = 12;

/**
 * What the terms of the one position of an account say after `j` steps: an order whose lots are the number of the step that placed it,
 * a leverage that is that of its step, a unit of margin for each transfer. At the end of a cycle the position goes.
 */
const TERMS: Record<string, (view: ShardView, slot: number) => { wrong: string | null } | null> = {
  ledger(view, slot) {
    const ledger = view.ledger(slot);
    if (ledger === null || ledger.seq === "0") return null;
    const j = Number(ledger.seq) - 1;
    const [position] = ledger.positions;
    const wallet = Number(ledger.balances[0]!.wallet) / 1e8;
    const since = j - 1 - ((j - 1) % CYCLE);
    const lots = j - ((j - 1) % 3);
    const leverage = j - ((j + 1) % 3);
    const margin = Math.floor((j - since) / 3);
    const found = position && [position.buyLots, position.buyValue, position.leverage, position.isolatedMargin].map(Number);
    const expected = [lots, lots * PRICE * 1e8, leverage > since ? leverage * 1e8 : 0, margin * 1e8];
    const fits = position
      ? String(found) === String(expected) && wallet === WALLET - margin
      : j % CYCLE === 0 && wallet === WALLET;
    return { wrong: fits ? null : `after ${j} steps ${JSON.stringify(ledger)}` };
  },
  positions(view, slot) {
    const positions = view.positions(slot);
    if (positions === null) return null;
    const [position] = positions;
    if (position === undefined) return { wrong: null };
    const { openBuyQty: lots, leverage, isolatedMargin } = position;
    const since = lots - 1 - ((lots - 1) % CYCLE);
    const transfers = Math.floor((lots - since) / 3);
    // The order is of the newest step, of the one before or of the one before that.
    const states = [
      [lots > since + 1 ? lots - 2 : null, transfers],
      [lots + 1, transfers],
      [lots + 1, transfers + 1],
    ];
    return { wrong: states.map(String).includes(String([leverage, isolatedMargin])) ? null : JSON.stringify(position) };
  },
};

/** Feeds steps and reads both accounts between, until `isEnough`. */
async function readTermsWhileFed(
  shard: Shard,
  isEnough: () => boolean,
  onRead: (name: string, read: { wrong: string | null } | null) => void,
) {
  while (shard.view.accountCount() < 2) {
    if (shard.steps === 0) shard.offerTerms();
    await turn();
  }
  for (let i = 0; !isEnough(); i++) {
    shard.offerTerms();
    for (const slot of [0, 1]) for (const name of Object.keys(TERMS)) onRead(name, TERMS[name]!(shard.view, slot));
    if (i % 1000 === 0) await turn();
  }
}

describe("the terms of a position that gets them, loses them and leaves them to another on another thread", () => {
  test("are never torn", async () => {
    const shard = await startShard();
    const accepted: Record<string, number> = {};
    let givenUp = 0;
    await readTermsWhileFed(
      shard,
      () => shard.steps >= TERMS_STEPS,
      (name, read) => {
        if (read === null) return void givenUp++;
        expect(read.wrong).toBeNull();
        accepted[name] = (accepted[name] ?? 0) + 1;
      },
    );
    const events = 2 + 2 * TERMS_STEPS + TERMS_STEPS / CYCLE;
    while (shard.view.status().eventsApplied < events) await turn();
    const { rejected, duplicates, gaps } = shard.view.status();
    const words = new Int32Array(shard.view.memory);
    await shard.stop();
    expect({ rejected, duplicates, gaps }).toEqual({ rejected: 0, duplicates: 0, gaps: 0 });
    // Two rows and that of zeros served all of them.
    expect(words[(KERNEL_RESERVED_BYTES + ControlAt.positionTermsCount) / 4]).toBe(3);
    told.push(
      `terms: ${shard.steps} steps, ${shard.steps / CYCLE} expiries, read ${JSON.stringify(accepted)}, given up ${givenUp}`,
    );
    for (const name of Object.keys(TERMS)) expect(accepted[name]).toBeGreaterThan(1000);
  });

  test("are found torn by a reader that does not look whether they moved", async () => {
    const shard = await startShard();
    lookOnce(shard.view);
    const torn: Record<string, number> = {};
    let reads = 0;
    const deadline = performance.now() + PLANT_MS;
    await readTermsWhileFed(
      shard,
      () => Object.keys(torn).length === Object.keys(TERMS).length || performance.now() > deadline,
      (name, read) => {
        reads++;
        if (read?.wrong) torn[name] = (torn[name] ?? 0) + 1;
      },
    );
    await shard.stop();
    told.push(`terms, not looked at twice: torn ${JSON.stringify(torn)} in ${reads} reads`);
    expect(Object.keys(torn).sort()).toEqual(Object.keys(TERMS).sort());
  });
});

describe("a row of the market that ingest's table writes on another thread", () => {
  const quoteFits = (bid: number, ask: number, bidQty: number, askQty: number, timeMs: number) =>
    ask === 3 * bid && bidQty === 5 * bid && askQty === 7 * bid && Math.round(timeMs) === TIME_MS + bid;

  test("is never torn and never goes back, seen through the view and in a shard's copy", async () => {
    const market = new SharedArrayBuffer(MARKET_BYTES);
    const writer = await startWriter({ type: "market", market, versions: MARKET_VERSIONS });
    const view = new MarketView(market, FRESH);
    const shard = new SharedArrayBuffer(MARKET_BYTES);
    const copy = new MarketCopy(market, shard, 0);
    const copied = new MarketView(shard, FRESH);
    const row = new Float64Array(shard, MARKET_INSTRUMENTS_OFFSET + InstrumentAt.bytes, InstrumentAt.bytes / 8);
    let [read, copies, torn, lastBid, lastTrade, lastPrice, lastCopied] = [0, 0, 0, 0, 0, 0, 0];
    for (let i = 0; !writer.hasEnded(); i++) {
      const state = view.instrument(1);
      if (state?.bid && state.ask) {
        read++;
        if (!quoteFits(state.bid, state.ask, state.bidQty!, state.askQty!, state.quoteTimeMs!) || state.bid < lastBid)
          throw new Error(`after bid ${lastBid} came ${JSON.stringify(state)}`);
        lastBid = state.bid;
      }
      if (state?.lastPrice) {
        const { lastPrice: trade, volume, tradeCount, lastTradeTimeMs } = state;
        if (volume !== trade || tradeCount !== trade || Math.round(lastTradeTimeMs!) !== TIME_MS + trade || trade < lastTrade)
          throw new Error(`after trade ${lastTrade} came ${JSON.stringify(state)}`);
        lastTrade = trade;
      }
      const asset = view.assets().find(({ id }) => id === 2);
      if (asset?.priceTimeMs) {
        if (Math.round(asset.priceTimeMs) !== TIME_MS + asset.usdPrice || asset.usdPrice < lastPrice)
          throw new Error(`after price ${lastPrice} came ${JSON.stringify(asset)}`);
        lastPrice = asset.usdPrice;
      }
      if (copy.copyInstrument(1) === TORN) torn++;
      else copies++;
      const at = (offset: number) => row[offset / 8]!;
      if (at(InstrumentAt.bid) > 0) {
        const time = at(InstrumentAt.quoteTimeNs) / 1e6;
        const [bid, ask] = [at(InstrumentAt.bid), at(InstrumentAt.ask)];
        if (!quoteFits(bid, ask, at(InstrumentAt.bidQty), at(InstrumentAt.askQty), time) || bid < lastCopied)
          throw new Error(`after bid ${lastCopied} the copy has ${bid} … ${ask}`);
        lastCopied = bid;
      }
      copy.copyAsset(2);
      const priced = copied.assets().find(({ id }) => id === 2);
      if (priced?.priceTimeMs && Math.round(priced.priceTimeMs) !== TIME_MS + priced.usdPrice)
        throw new Error(`the copy has ${JSON.stringify(priced)}`);
      if (i % 200 === 0) await turn();
    }
    await writer.stop();
    told.push(`market rows: ${MARKET_VERSIONS} versions, ${read} read, ${copies} copied, ${torn} too busy`);
    expect(view.instrument(1)).toMatchObject({ bid: MARKET_VERSIONS, lastPrice: MARKET_VERSIONS });
    expect(read).toBeGreaterThan(1000);
  });

  test("is found torn by a reader that does not look whether it moved", async () => {
    const market = new SharedArrayBuffer(MARKET_BYTES);
    const writer = await startWriter({ type: "market", market, versions: 1e9 });
    const row = new Float64Array(market, MARKET_INSTRUMENTS_OFFSET + InstrumentAt.bytes, InstrumentAt.bytes / 8);
    const copy = new Float64Array(InstrumentAt.bytes / 8);
    const versions = new Int32Array(market, MARKET_VERSIONS_OFFSET);
    const deadline = performance.now() + PLANT_MS;
    let torn = 0;
    let reads = 0;
    while (torn === 0 && performance.now() < deadline) {
      if ((Atomics.load(versions, 1) & 1) !== 0) continue;
      const bid = row[InstrumentAt.bid / 8]!;
      copy.set(row);
      reads++;
      if (bid > 0 && row[InstrumentAt.ask / 8] !== 3 * bid) torn++;
    }
    await writer.stop();
    told.push(`market rows, not looked at twice: torn ${torn} in ${reads} reads`);
    expect(torn).toBeGreaterThan(0);
  });
});

describe("a ring between two threads", () => {
  function ring(recordCount: number, counterStart: number): SharedArrayBuffer {
    const memory = new SharedArrayBuffer(RingAt.bytes + recordCount * RECORD_WORDS * 4);
    initRing(memory, 0, RingAt.bytes, recordCount, RECORD_WORDS * 4);
    const words = new Int32Array(memory);
    words[RingAt.published / 4] = words[RingAt.consumed / 4] = counterStart;
    return memory;
  }

  /** Reads until `records` have come or one is wrong. @returns number of the wrong one, 0: none */
  function readAll(memory: SharedArrayBuffer, records: number, deadlineMs: number): { wrong: number; looks: number } {
    const consumer = new RingConsumer(memory, 0);
    const words = new Int32Array(memory);
    let looks = 0;
    for (let next = 1; next <= records && performance.now() < deadlineMs; ) {
      const count = consumer.readable();
      looks++;
      for (let i = 0; i < count; i++, next++) {
        const at = consumer.recordOffset(i) / 4;
        for (let word = 0; word < RECORD_WORDS; word++) if (words[at + word] !== next) return { wrong: next, looks };
      }
      consumer.release(count);
    }
    return { wrong: 0, looks };
  }

  test.each([
    [8, 0x7fffff00],
    [64, -0x100],
    [16_384, 0],
  ])("of %i records that counts from %i loses, doubles, reorders and tears nothing", async (recordCount, counterStart) => {
    const memory = ring(recordCount, counterStart);
    const records = RING_RECORDS / 3;
    const writer = await startWriter({ type: "ring", memory, records, publishesFirst: false });
    const { wrong, looks } = readAll(memory, records, Number.POSITIVE_INFINITY);
    await writer.stop();
    told.push(`ring of ${recordCount}: ${records} records in ${looks} looks`);
    expect(wrong).toBe(0);
    expect(new RingConsumer(memory, 0).released).toBe((counterStart + records) | 0);
  });

  test("is caught where it publishes before it writes", async () => {
    const memory = ring(64, 0);
    const writer = await startWriter({ type: "ring", memory, records: 1e9, publishesFirst: true });
    const { wrong, looks } = readAll(memory, 1e9, performance.now() + PLANT_MS);
    await writer.stop();
    told.push(`ring that publishes first: record ${wrong} was wrong, after ${looks} looks`);
    expect(wrong).toBeGreaterThan(0);
  });
});
