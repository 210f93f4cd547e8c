import * as flatbuffers from "flatbuffers";
import { describe, expect, it } from "vitest";
import * as wire from "../../../schemas/generated/index";
import {
  AccountEventAt,
  BookLevelAt,
  FundingRateAt,
  ImpliedVolAt,
  IndexPriceAt,
  MarkAt,
  QuoteAt,
  TradeAt,
} from "../../../schemas/generated/offsets";
import { EVENTS_PER_BATCH_MAX } from "../limits";
import { ACCOUNT_BATCH, ALERT_BATCH, MARKET_BATCH, REFERENCE_BATCH } from "./batch-layout";
import { messageChecksum } from "./crc32";
import {
  AccountBatchWriter,
  AlertBatchWriter,
  decodeAlerts,
  decodeDeadLetter,
  encodeDeadLetter,
  MarketBatchWriter,
  ReferenceBatchWriter,
} from "./encode";

const MAX = Number.MAX_SAFE_INTEGER;
const timeMs = 1_718_000_000_000.125;
const timeNs = 1_718_000_000_000_125_000n;

function accounts(message: Uint8Array): wire.AccountBatch {
  const buffer = new flatbuffers.ByteBuffer(message);
  expect(wire.AccountBatch.bufferHasIdentifier(buffer)).toBe(true);
  return wire.AccountBatch.getRootAsAccountBatch(buffer);
}

/** All fields of an account event, by the generated accessors. */
function eventOf(batch: wire.AccountBatch, index: number) {
  const e = batch.events(index)!;
  return [
    e.kind(),
    e.side(),
    e.flags(),
    e.seq(),
    e.account(),
    e.timeNs(),
    e.instrument(),
    e.qtyLots(),
    e.priceTicks(),
    e.amount(),
    e.order(),
  ];
}

const base = { seq: 7, account: 42, timeMs };
const K = wire.AccountEventKind;

describe("AccountBatchWriter", () => {
  const w = new AccountBatchWriter(9, 100);
  // One line a kind: the call, and what the accessors read back.
  const rules: [string, () => void, unknown[]][] = [
    [
      "fill",
      () => w.fill({ ...base, instrument: 3, side: 2, qtyLots: MAX, priceTicks: 610_001, fee: -5, order: 2 ** 40, flags: 9 }),
      [K.Fill, 2, 9, 7n, 42n, timeNs, 3, BigInt(MAX), 610_001n, -5n, 2n ** 40n],
    ],
    [
      "fill, shortest",
      () => w.fill({ ...base, instrument: 4095, side: 1, qtyLots: 1, priceTicks: 1 }),
      [K.Fill, 1, 0, 7n, 42n, timeNs, 4095, 1n, 1n, 0n, 0n],
    ],
    [
      "transfer",
      () => w.transfer({ ...base, asset: 255, amount: -MAX }),
      [K.Transfer, 0, 0, 7n, 42n, timeNs, 255, 0n, 0n, BigInt(-MAX), 0n],
    ],
    [
      "orderPlaced",
      () =>
        w.orderPlaced({ ...base, instrument: 3, side: 1, qtyLots: 4294967296, priceTicks: 4294967295, order: MAX, flags: 0x12 }),
      [K.OrderPlaced, 1, 0x12, 7n, 42n, timeNs, 3, 4294967296n, 4294967295n, 0n, BigInt(MAX)],
    ],
    [
      "orderCancelled",
      () => w.orderCancelled({ ...base, instrument: 3, order: 1 }),
      [K.OrderCancelled, 0, 0, 7n, 42n, timeNs, 3, 0n, 0n, 0n, 1n],
    ],
    [
      "fundingSettlement",
      () => w.fundingSettlement({ seq: 1, timeMs, instrument: 3, priceTicks: 5, rateE12: -100_000_000 }),
      [K.FundingSettlement, 0, 0, 1n, 0n, timeNs, 3, 0n, 5n, -100_000_000n, 0n],
    ],
    [
      "expirySettlement",
      () => w.expirySettlement({ seq: MAX, timeMs, instrument: 3, priceTicks: 1 }),
      [K.ExpirySettlement, 0, 0, BigInt(MAX), 0n, timeNs, 3, 0n, 1n, 0n, 0n],
    ],
    [
      "accountSettings",
      () => w.accountSettings({ ...base, group: 1023 }),
      [K.AccountSettings, 0, 0, 7n, 42n, timeNs, 1023, 0n, 0n, 0n, 0n],
    ],
    [
      "positionSettings",
      () => w.positionSettings({ ...base, instrument: 3, leverageE8: 20_00000000, flags: 6 }),
      [K.PositionSettings, 0, 6, 7n, 42n, timeNs, 3, 0n, 0n, 20_00000000n, 0n],
    ],
    [
      "isolatedTransfer",
      () => w.isolatedTransfer({ ...base, instrument: 3, amount: -1, flags: 2 }),
      [K.IsolatedTransfer, 0, 2, 7n, 42n, timeNs, 3, 0n, 0n, -1n, 0n],
    ],
  ];
  for (const [, call] of rules) call();
  const bytes = w.bytes;
  const message = w.finish();
  const copy = Buffer.from(message);
  const batch = accounts(message);

  it.each(rules.map(([name, , expected], i) => ({ name, expected, i })))(
    "$name is read back as it was written",
    ({ expected, i }) => {
      expect(eventOf(batch, i)).toEqual(expected);
    },
  );

  it("the header names producer and sequence, and the checksum covers the message", () => {
    expect(message.length).toBe(bytes);
    expect(message.length).toBe(56 + 64 * rules.length);
    expect(batch.eventsLength()).toBe(rules.length);
    const header = batch.header()!;
    expect([header.schemaVersion(), header.reserved(), header.producerId(), header.firstSequence()]).toEqual([1, 0, 9n, 100n]);
    expect(header.checksum()).toBe(messageChecksum(message, ACCOUNT_BATCH.headerAt + 4));
  });

  it("a writer goes on after finish: empty, with its sequence moved on", () => {
    expect([w.count, w.bytes, w.nextSequence]).toEqual([0, 56, 100 + rules.length]);
    w.transfer({ ...base, asset: 1, amount: 1 });
    const next = accounts(w.finish());
    expect(next.header()!.firstSequence()).toBe(BigInt(100 + rules.length));
    expect(eventOf(next, 0)).toEqual([K.Transfer, 0, 0, 7n, 42n, timeNs, 1, 0n, 0n, 1n, 0n]);
    expect(message.equals(copy)).toBe(true);
  });

  it("a batch holds the largest number of events and refuses one more", () => {
    const full = new AccountBatchWriter(1);
    for (let i = 0; i < EVENTS_PER_BATCH_MAX; i++)
      full.orderCancelled({ seq: i + 1, account: 1, timeMs, instrument: 1, order: i + 1 });
    expect(full.isFull).toBe(true);
    expect(() => full.transfer({ ...base, asset: 1, amount: 1 })).toThrow(/^count must/);
    const read = accounts(full.finish());
    expect(read.eventsLength()).toBe(EVENTS_PER_BATCH_MAX);
    for (const i of [0, 63, 64, 4095, 8191]) expect(read.events(i)!.order()).toBe(BigInt(i + 1));
  });

  const fill = { ...base, instrument: 3, side: 1 as 1 | 2, qtyLots: 1, priceTicks: 1 };
  it.each([
    ["seq", { seq: 0 }],
    ["seq", { seq: 1.5 }],
    ["seq", { seq: 2 ** 53 }],
    ["account", { account: 0 }],
    ["account", { account: Number.NaN }],
    ["timeMs", { timeMs: Number.NaN }],
    ["timeMs", { timeMs: 1_718_000_000 }],
    ["timeMs", { timeMs: 7_258_118_400_000 }],
    ["instrument", { instrument: 0 }],
    ["instrument", { instrument: 4096 }],
    ["side", { side: 0 }],
    ["side", { side: 3 }],
    ["qtyLots", { qtyLots: 0 }],
    ["qtyLots", { qtyLots: -1 }],
    ["qtyLots", { qtyLots: Number.POSITIVE_INFINITY }],
    ["qtyLots", { qtyLots: "1" }],
    ["priceTicks", { priceTicks: 0.1 }],
    ["priceTicks", { priceTicks: undefined }],
    ["fee", { fee: -(2 ** 53) }],
    ["order", { order: -1 }],
    ["flags", { flags: 16 }],
    ["flags", { flags: 12 }],
    ["flags", { flags: 0.5 }],
  ])("a fill with a wrong %s is refused by name, and leaves the batch as it was: %j", (field, change) => {
    const writer = new AccountBatchWriter(1);
    expect(() => writer.fill({ ...fill, ...(change as object) })).toThrow(RangeError);
    expect(() => writer.fill({ ...fill, ...(change as object) })).toThrow(new RegExp(`^${field} must be`));
    expect(writer.count).toBe(0);
  });

  it("a rebate, a largest and a smallest amount keep their value", () => {
    const writer = new AccountBatchWriter(1);
    const amounts = [
      0,
      -0,
      1,
      -1,
      2 ** 31,
      -(2 ** 31),
      2 ** 32,
      -(2 ** 32),
      2 ** 32 - 1,
      -(2 ** 32) - 1,
      MAX,
      -MAX,
      MAX - 2 ** 32,
    ];
    for (const amount of amounts) writer.transfer({ ...base, asset: 1, amount });
    const read = accounts(writer.finish());
    expect(amounts.map((_, i) => Number(read.events(i)!.amount()))).toEqual(amounts.map((a) => a + 0));
  });

  it("a time in ms arrives in ns, exact to the microsecond", () => {
    const writer = new AccountBatchWriter(1);
    const micros = [
      946_684_800_000_000, 1_718_000_000_000_001, 1_718_000_000_123_999, 2_199_023_255_551_999, 4_398_046_511_103_998,
    ];
    for (const us of micros) writer.transfer({ ...base, timeMs: us / 1000, asset: 1, amount: 1 });
    const read = accounts(writer.finish());
    expect(micros.map((_, i) => read.events(i)!.timeNs())).toEqual(micros.map((us) => BigInt(us) * 1000n));
  });

  it("structs lie on multiples of 8 in every family, and the header too", () => {
    for (const layout of [ACCOUNT_BATCH, MARKET_BATCH, REFERENCE_BATCH, ALERT_BATCH]) {
      expect([layout.name, layout.headerAt % 8, layout.tableAt % 4, layout.headBytes % 8]).toEqual([layout.name, 0, 0, 0]);
      for (const vector of layout.vectors) expect([vector.name, vector.structBytes % 8]).toEqual([vector.name, 0]);
    }
    expect(AccountEventAt.bytes).toBe(64);
  });
});

describe("MarketBatchWriter", () => {
  it("instrument, sequence and time lie where the shared code writes them", () => {
    for (const at of [
      [MarkAt.instrument, MarkAt.seq, MarkAt.timeNs],
      [IndexPriceAt.asset, IndexPriceAt.seq, IndexPriceAt.timeNs],
      [FundingRateAt.instrument, FundingRateAt.seq, FundingRateAt.timeNs],
      [QuoteAt.instrument, QuoteAt.seq, QuoteAt.timeNs],
      [ImpliedVolAt.instrument, ImpliedVolAt.seq, ImpliedVolAt.timeNs],
      [TradeAt.instrument, TradeAt.seq, TradeAt.timeNs],
    ])
      expect(at).toEqual([0, 8, 16]);
    expect([BookLevelAt.side, BookLevelAt.flags, TradeAt.aggressor]).toEqual([4, 5, 4]);
  });

  it("every kind is read back as it was written", () => {
    const w = new MarketBatchWriter(5);
    w.mark({ instrument: 1, seq: 10, timeMs, priceTicks: 611_234 });
    w.indexPrice({ asset: 2, seq: 11, timeMs, price: 60_990.25 });
    w.fundingRate({ instrument: 1, seq: 12, timeMs, rate: -0.0001, nextSettlementMs: timeMs });
    w.fundingRate({ instrument: 2, seq: 13, timeMs, rate: 0 });
    w.quote({ instrument: 1, seq: 14, timeMs, bidTicks: 10, bidLots: 2, askTicks: 10, askLots: 3 });
    w.quote({ instrument: 1, seq: 15, timeMs, bidTicks: 0, bidLots: 0, askTicks: 9, askLots: 3 });
    w.impliedVol({ instrument: 3, seq: 16, timeMs, vol: 0.6, underlying: 61_500 });
    w.trade({ instrument: 1, aggressor: 2, seq: 17, timeMs, priceTicks: 5, qtyLots: 6, tradeId: MAX });
    w.bookLevel({ instrument: 1, side: 1, flags: 3, firstId: 20, lastId: 21, prevId: 19, timeMs, priceTicks: 7, qtyLots: 0 });
    w.bookLevel({ instrument: 1, side: 0, flags: 6, firstId: 22, lastId: 22, prevId: 21, timeMs, priceTicks: 0, qtyLots: 0 });
    expect(w.count).toBe(10);
    const bytes = w.bytes;
    const message = w.finish();
    expect(message.length).toBe(bytes);
    const b = wire.MarketBatch.getRootAsMarketBatch(new flatbuffers.ByteBuffer(message));
    const mark = b.marks(0)!;
    expect([mark.instrument(), mark.seq(), mark.timeNs(), mark.priceTicks()]).toEqual([1, 10n, timeNs, 611_234n]);
    const index = b.indexPrices(0)!;
    expect([index.asset(), index.seq(), index.timeNs(), index.price()]).toEqual([2, 11n, timeNs, 60_990.25]);
    const funding = b.fundingRates(0)!;
    expect([funding.instrument(), funding.seq(), funding.timeNs(), funding.rate(), funding.nextSettlementNs()]).toEqual([
      1,
      12n,
      timeNs,
      -0.0001,
      timeNs,
    ]);
    expect(b.fundingRates(1)!.nextSettlementNs()).toBe(0n);
    const quote = b.quotes(0)!;
    expect([
      quote.instrument(),
      quote.seq(),
      quote.timeNs(),
      quote.bidTicks(),
      quote.bidLots(),
      quote.askTicks(),
      quote.askLots(),
    ]).toEqual([1, 14n, timeNs, 10n, 2n, 10n, 3n]);
    const iv = b.impliedVols(0)!;
    expect([iv.instrument(), iv.seq(), iv.timeNs(), iv.vol(), iv.underlying()]).toEqual([3, 16n, timeNs, 0.6, 61_500]);
    const t = b.trades(0)!;
    expect([t.instrument(), t.aggressor(), t.seq(), t.timeNs(), t.priceTicks(), t.qtyLots(), t.tradeId()]).toEqual([
      1,
      2,
      17n,
      timeNs,
      5n,
      6n,
      BigInt(MAX),
    ]);
    const l = b.bookLevels(0)!;
    expect([
      l.instrument(),
      l.side(),
      l.flags(),
      l.firstId(),
      l.lastId(),
      l.prevId(),
      l.timeNs(),
      l.priceTicks(),
      l.qtyLots(),
    ]).toEqual([1, 1, 3, 20n, 21n, 19n, timeNs, 7n, 0n]);
    expect([
      b.marksLength(),
      b.indexPricesLength(),
      b.fundingRatesLength(),
      b.quotesLength(),
      b.impliedVolsLength(),
      b.tradesLength(),
      b.bookLevelsLength(),
    ]).toEqual([1, 1, 2, 2, 1, 1, 2]);
    expect(b.header()!.checksum()).toBe(messageChecksum(message, MARKET_BATCH.headerAt + 4));
  });

  it("a vector without records is absent", () => {
    const w = new MarketBatchWriter(5);
    w.trade({ instrument: 1, aggressor: 1, seq: 1, timeMs, priceTicks: 5, qtyLots: 6 });
    const message = w.finish();
    expect(message.length).toBe(88 + 8 + 48);
    const b = wire.MarketBatch.getRootAsMarketBatch(new flatbuffers.ByteBuffer(message));
    expect([b.marksLength(), b.tradesLength(), b.bookLevelsLength()]).toEqual([0, 1, 0]);
  });

  const wrong: [string, (w: MarketBatchWriter) => void][] = [
    ["askTicks", (w) => w.quote({ instrument: 1, seq: 1, timeMs, bidTicks: 11, bidLots: 2, askTicks: 10, askLots: 3 })],
    ["bidLots", (w) => w.quote({ instrument: 1, seq: 1, timeMs, bidTicks: 0, bidLots: 2, askTicks: 10, askLots: 3 })],
    ["askLots", (w) => w.quote({ instrument: 1, seq: 1, timeMs, bidTicks: 1, bidLots: 2, askTicks: 10, askLots: 0 })],
    ["price", (w) => w.indexPrice({ asset: 1, seq: 1, timeMs, price: 0 })],
    ["price", (w) => w.indexPrice({ asset: 1, seq: 1, timeMs, price: Number.POSITIVE_INFINITY })],
    ["asset", (w) => w.indexPrice({ asset: 256, seq: 1, timeMs, price: 1 })],
    ["rate", (w) => w.fundingRate({ instrument: 1, seq: 1, timeMs, rate: Number.NaN })],
    ["nextSettlementMs", (w) => w.fundingRate({ instrument: 1, seq: 1, timeMs, rate: 0, nextSettlementMs: 5 })],
    ["vol", (w) => w.impliedVol({ instrument: 1, seq: 1, timeMs, vol: -0, underlying: 1 })],
    ["aggressor", (w) => w.trade({ instrument: 1, aggressor: 3 as 2, seq: 1, timeMs, priceTicks: 1, qtyLots: 1 })],
    [
      "qtyLots",
      (w) =>
        w.bookLevel({ instrument: 1, side: 0, flags: 6, firstId: 2, lastId: 2, prevId: 1, timeMs, priceTicks: 0, qtyLots: 1 }),
    ],
    [
      "lastId",
      (w) =>
        w.bookLevel({ instrument: 1, side: 1, flags: 6, firstId: 2, lastId: 1, prevId: 1, timeMs, priceTicks: 1, qtyLots: 1 }),
    ],
  ];
  it.each(wrong)("a wrong %s is refused by name", (field, call) => {
    const w = new MarketBatchWriter(5);
    expect(() => call(w)).toThrow(new RegExp(`^${field} must be`));
    expect(w.count).toBe(0);
  });
});

describe("ReferenceBatchWriter", () => {
  const perpetual = {
    id: 1,
    marginTable: 1,
    symbol: "BTCUSDT",
    base: 2,
    quote: 1,
    settle: 1,
    kind: 2,
    payoff: 1,
    contractSize: 1,
    tickSize: "0.1",
    lotSize: 0.001,
  };

  it("every kind is read back as it was written, decimals exactly", () => {
    const w = new ReferenceBatchWriter(5);
    w.asset({ id: 1, symbol: "USDT", usdPrice: 1 });
    w.instrument(perpetual);
    w.instrument({
      id: 9,
      marginTable: 2,
      symbol: "BTC-27SEP24-40000-C",
      base: 2,
      quote: 3,
      settle: 2,
      kind: 4,
      payoff: 1,
      premium: 1,
      optionType: 1,
      contractSize: 1,
      tickSize: 5e-4,
      lotSize: "0.1",
      strike: 40000,
      expiryMs: 1_727_424_000_000,
    });
    w.marginTable({ id: 1, model: 1, liquidationFeeRate: 0.0125 });
    w.marginTier({ table: 1, notionalFloor: 0, initialRate: 0.01, maintenanceRate: 0.004 });
    w.marginTier({ table: 1, notionalFloor: 50_000, initialRate: 0.02, maintenanceRate: 0.01, deduction: 300 });
    w.marginTable({ id: 2, model: 2, initialBase: 0.02, initialPerUnit: 5e-5, maintenanceBase: 0.01, maintenancePerUnit: 5e-5 });
    w.accountGroup({ id: 3, collateral: 1, hedgeMode: true, name: "market makers" });
    const b = wire.ReferenceBatch.getRootAsReferenceBatch(new flatbuffers.ByteBuffer(w.finish()));
    const text = (at: (i: number) => number | null, bytes: number) =>
      String.fromCharCode(...Array.from({ length: bytes }, (_, i) => at(i)!)).replace(/\0+$/, "");
    const asset = b.assets(0)!;
    expect([asset.id(), text((i) => asset.symbol(i), 12), asset.haircut(), asset.usdPrice()]).toEqual([1, "USDT", 0, 1]);
    const p = b.instruments(0)!;
    expect([
      p.id(),
      p.marginTable(),
      text((i) => p.symbol(i), 40),
      p.base(),
      p.quote(),
      p.settle(),
      p.kind(),
      p.payoff(),
      p.premium(),
      p.optionType(),
    ]).toEqual([1, 1, "BTCUSDT", 2, 1, 1, 2, 1, 0, 0]);
    expect([p.contractSize(), p.tickSize(), p.lotSize(), p.strike(), p.expiryNs()]).toEqual([
      10n ** 12n,
      10n ** 11n,
      10n ** 9n,
      0n,
      0n,
    ]);
    const o = b.instruments(1)!;
    expect([o.kind(), o.premium(), o.optionType(), o.tickSize(), o.strike(), o.expiryNs()]).toEqual([
      4,
      1,
      1,
      500_000_000n,
      40_000n * 10n ** 8n,
      1_727_424_000_000_000_000n,
    ]);
    const [t, s] = [b.marginTables(0)!, b.marginTables(1)!];
    expect([t.id(), t.model(), t.notionalAt(), t.liquidationFeeRate(), t.initialBase()]).toEqual([1, 1, 0, 0.0125, 0]);
    expect([s.initialBase(), s.initialPerUnit(), s.maintenanceBase(), s.maintenancePerUnit()]).toEqual([0.02, 5e-5, 0.01, 5e-5]);
    const [first, second] = [b.marginTiers(0)!, b.marginTiers(1)!];
    expect([first.table(), first.notionalFloor(), first.initialRate(), first.maintenanceRate(), first.deduction()]).toEqual([
      1,
      0,
      0.01,
      0.004,
      Number.NaN,
    ]);
    expect([second.notionalFloor(), second.deduction()]).toEqual([50_000, 300]);
    const g = b.accountGroups(0)!;
    expect([g.id(), g.collateral(), g.hedgeMode(), text((i) => g.name(i), 24)]).toEqual([3, 1, 1, "market makers"]);
  });

  it.each([
    ["symbol", { symbol: "" }],
    ["symbol", { symbol: "BTC USDT" }],
    ["symbol", { symbol: "BTCÜ" }],
    ["symbol", { symbol: "x".repeat(41) }],
    ["tickSize", { tickSize: "0.0000000000001" }],
    ["tickSize", { tickSize: 0 }],
    ["tickSize", { tickSize: "abc" }],
    ["tickSize", { tickSize: Number.NaN }],
    ["contractSize", { contractSize: "9223373" }],
    ["lotSize", { lotSize: -1 }],
    ["strike", { strike: 1 }],
    ["expiryMs", { expiryMs: 1 }],
    ["expiryMs", { kind: 3 }],
    ["payoff", { payoff: 0 }],
    ["payoff", { kind: 1, payoff: 2 }],
    ["premium", { premium: 1 }],
    ["marginTable", { marginTable: 0 }],
    ["kind", { kind: 5 }],
  ])("an instrument with a wrong %s is refused by name: %j", (field, change) => {
    const w = new ReferenceBatchWriter(5);
    expect(() => w.instrument({ ...perpetual, ...(change as object) })).toThrow(new RegExp(`^${field} `));
    expect(w.count).toBe(0);
  });
});

describe("what the engine sends out", () => {
  const alert = {
    account: 42,
    timeMs,
    logOffset: 123_456,
    logPartition: 3,
    eventIndex: 63,
    marketSeq: 99,
    equityUsd: -1.5,
    initialMarginUsd: 10,
    maintenanceMarginUsd: 5,
    worstMarginRatio: Number.NaN,
    fromStatus: 0,
    toStatus: 4,
    freshness: 1,
    instrument: 7,
    alertSeq: 3,
  };

  it("alerts are decoded as they were written, by fields and as ring records", () => {
    const w = new AlertBatchWriter(1);
    w.alert(alert);
    const message = w.finish();
    expect(decodeAlerts(message)).toEqual([alert]);
    const record = new Int32Array(64);
    new Uint8Array(record.buffer).set(message.subarray(message.length - 88), 128);
    w.alertRecord(record, 128);
    expect(decodeAlerts(w.finish())).toEqual([alert]);
    for (let bit = 0; bit < message.length * 8; bit++) {
      const bad = Buffer.from(message);
      bad[bit >> 3] ^= 1 << (bit & 7);
      expect(() => decodeAlerts(bad)).toThrow();
    }
  });

  it("a dead letter gives its payload back byte for byte, and a changed one is refused", () => {
    const payload = Uint8Array.from({ length: 77 }, (_, i) => (i * 37) & 255);
    const letter = {
      topic: "plimsoll.accounts",
      partition: 2,
      offset: 2 ** 40,
      code: "bad-checksum",
      reason: "checksum is 1, not 2: ä",
      timestampNs: timeNs,
      payload,
      producerId: 4,
      firstSequence: 5,
    };
    const message = encodeDeadLetter(letter);
    expect(decodeDeadLetter(message)).toEqual(letter);
    expect(decodeDeadLetter(encodeDeadLetter({ ...letter, payload: new Uint8Array(0) })).payload.length).toBe(0);
    for (let bit = 0; bit < message.length * 8; bit++) {
      const bad = Buffer.from(message);
      bad[bit >> 3] ^= 1 << (bit & 7);
      expect(() => decodeDeadLetter(bad)).toThrow();
    }
    for (let length = 0; length < message.length; length++) expect(() => decodeDeadLetter(message.subarray(0, length))).toThrow();
    expect(() => encodeDeadLetter({ ...letter, offset: -1 })).toThrow(/^offset/);
  });
});
