// Every row of shared memory: fields lie where their alignment allows, none over another, and all within the row. A field's
// size is that of its type in the drawing; the tables here say them once more, so that a slip in one of the two shows.
import { describe, expect, it } from "vitest";
import { INSTRUMENT_SLOTS, KERNEL_RESERVED_BYTES, WASM_PAGE_BYTES, WATCH_SLOTS } from "../limits";
import { DEFAULT_SHARD_CAPACITY, shardSections } from "../shard-memory";
import {
  AssetAt,
  GroupAt,
  InstrumentAt,
  MARKET_ASSETS_OFFSET,
  MARKET_BYTES,
  MARKET_GROUPS_OFFSET,
  MARKET_INSTRUMENTS_OFFSET,
  MARKET_TABLES_OFFSET,
  MARKET_TIERS_OFFSET,
  MARKET_VERSIONS_OFFSET,
  MarginTableAt,
  MarketHeaderAt,
  TierAt,
} from "./market";
import { RingAt } from "./ring";
import {
  AccountAt,
  ALERT_RECORD_BYTES,
  BalanceAt,
  BatchRecordAt,
  ControlAt,
  FillAt,
  LATENCY_BUCKETS,
  OrderAt,
  POOL_GROUP_UNITS,
  POOL_ORDER_MAX,
  POOL_UNIT_BYTES,
  PoolAt,
  PoolEntryAt,
  PositionAt,
  PositionTermsAt,
} from "./shard";

type Field = [name: string, at: number, bytes: number];
type Row = [name: string, bytes: number, align: number, fields: Field[]];

const u8 = (name: string, at: number): Field => [name, at, 1];
const u16 = (name: string, at: number): Field => [name, at, 2];
const u32 = (name: string, at: number): Field => [name, at, 4];
const f64 = (name: string, at: number): Field => [name, at, 8];
const i64 = f64;
const text = (name: string, at: number, bytes: number): Field => [name, at, -bytes];
const each = (make: (name: string, at: number) => Field, fields: Record<string, number>): Field[] =>
  Object.entries(fields).map(([name, at]) => make(name, at));

const ROWS: Row[] = [
  [
    "control page",
    ControlAt.bytes,
    4096,
    [
      ...each(u32, {
        magic: ControlAt.magic,
        layoutVersion: ControlAt.layoutVersion,
        partition: ControlAt.partition,
        state: ControlAt.state,
        inputRing: ControlAt.inputRing,
        fillRing: ControlAt.fillRing,
        alertRing: ControlAt.alertRing,
        market: ControlAt.market,
        accountHash: ControlAt.accountHash,
        accountHashSlots: ControlAt.accountHashSlots,
        accounts: ControlAt.accounts,
        accountCapacity: ControlAt.accountCapacity,
        balances: ControlAt.balances,
        balanceCapacity: ControlAt.balanceCapacity,
        positions: ControlAt.positions,
        positionCapacity: ControlAt.positionCapacity,
        positionTerms: ControlAt.positionTerms,
        positionTermsCount: ControlAt.positionTermsCount,
        positionTermsFree: ControlAt.positionTermsFree,
        orderHash: ControlAt.orderHash,
        orderHashSlots: ControlAt.orderHashSlots,
        orders: ControlAt.orders,
        orderCapacity: ControlAt.orderCapacity,
        settlements: ControlAt.settlements,
        accountCount: ControlAt.accountCount,
        balanceCount: ControlAt.balanceCount,
        positionCount: ControlAt.positionCount,
        orderCount: ControlAt.orderCount,
        orderFree: ControlAt.orderFree,
        positionFree: ControlAt.positionFree,
        heartbeat: ControlAt.heartbeat,
        fault: ControlAt.fault,
        batchRemaining: ControlAt.batchRemaining,
        recordFills: ControlAt.recordFills,
        sweepsDue: ControlAt.sweepsDue,
        sweepsDone: ControlAt.sweepsDone,
        pools: ControlAt.pools,
        poolUnits: ControlAt.poolUnits,
        poolSafe: ControlAt.poolSafe,
        poolSafeMinima: ControlAt.poolSafeMinima,
        watch: ControlAt.watch,
        poolEnd: ControlAt.poolEnd,
        refreshPass: ControlAt.refreshPass,
        triggeredVersion: ControlAt.triggeredVersion,
      }),
      ...each(i64, {
        nextOffset: ControlAt.nextOffset,
        lastEventNs: ControlAt.lastEventNs,
        eventsApplied: ControlAt.eventsApplied,
        batchesApplied: ControlAt.batchesApplied,
        duplicates: ControlAt.duplicates,
        gaps: ControlAt.gaps,
        rejected: ControlAt.rejected,
        valuations: ControlAt.valuations,
        sweeps: ControlAt.sweeps,
        fills: ControlAt.fills,
        alerts: ControlAt.alerts,
        fillRingWaits: ControlAt.fillRingWaits,
        currentOffset: ControlAt.currentOffset,
        currentIndex: ControlAt.currentIndex,
        recoverTo: ControlAt.recoverTo,
        batchReceivedNs: ControlAt.batchReceivedNs,
        valuationsLean: ControlAt.valuationsLean,
        valuationsGeneral: ControlAt.valuationsGeneral,
        triggerPasses: ControlAt.triggerPasses,
        triggerPools: ControlAt.triggerPools,
        triggerValuations: ControlAt.triggerValuations,
        poolWalks: ControlAt.poolWalks,
        poolsWalked: ControlAt.poolsWalked,
        refreshedFromNs: ControlAt.refreshedFromNs,
        nowNs: ControlAt.nowNs,
      }),
      text("latency", ControlAt.latency, LATENCY_BUCKETS * 4),
    ],
  ],
  [
    "ring header",
    RingAt.bytes,
    64,
    each(u32, {
      recordCount: RingAt.recordCount,
      recordBytes: RingAt.recordBytes,
      dataOffset: RingAt.dataOffset,
      published: RingAt.published,
      consumed: RingAt.consumed,
      waits: RingAt.waits,
    }),
  ],
  [
    "batch record",
    BatchRecordAt.bytes,
    64,
    [
      ...each(i64, {
        offset: BatchRecordAt.offset,
        receivedNs: BatchRecordAt.receivedNs,
        producerId: BatchRecordAt.producerId,
      }),
      u32("count", BatchRecordAt.count),
    ],
  ],
  [
    "account",
    AccountAt.bytes,
    64,
    [
      ...each(u32, {
        seq: AccountAt.seq,
        flags: AccountAt.flags,
        holesLost: AccountAt.holesLost,
        group: AccountAt.group,
        firstPosition: AccountAt.firstPosition,
        firstBalance: AccountAt.firstBalance,
        openOrderCount: AccountAt.openOrderCount,
        duplicates: AccountAt.duplicates,
        lastIndex: AccountAt.lastIndex,
        status: AccountAt.status,
        nearestInstrument: AccountAt.nearestInstrument,
        marketVersion: AccountAt.marketVersion,
        unmarkedCount: AccountAt.unmarkedCount,
        alertedStatus: AccountAt.alertedStatus,
        alertSeq: AccountAt.alertSeq,
        firstPool: AccountAt.firstPool,
      }),
      ...each(u16, { positionCount: AccountAt.positionCount, balanceCount: AccountAt.balanceCount }),
      ...each(i64, {
        accountId: AccountAt.accountId,
        seqHigh: AccountAt.seqHigh,
        holes: AccountAt.holes,
        lastOffset: AccountAt.lastOffset,
        lastEventNs: AccountAt.lastEventNs,
        asOfNs: AccountAt.asOfNs,
        walletUsd: AccountAt.walletUsd,
        unrealizedPnlUsd: AccountAt.unrealizedPnlUsd,
        equityUsd: AccountAt.equityUsd,
        initialMarginUsd: AccountAt.initialMarginUsd,
        maintenanceMarginUsd: AccountAt.maintenanceMarginUsd,
        orderMarginUsd: AccountAt.orderMarginUsd,
        availableUsd: AccountAt.availableUsd,
        marginRatio: AccountAt.marginRatio,
        worstMarginRatio: AccountAt.worstMarginRatio,
        leverage: AccountAt.leverage,
        grossExposureUsd: AccountAt.grossExposureUsd,
        netExposureUsd: AccountAt.netExposureUsd,
        liquidationDistance: AccountAt.liquidationDistance,
        oldestMarkReceivedNs: AccountAt.oldestMarkReceivedNs,
        valuedChange: AccountAt.valuedChange,
      }),
    ],
  ],
  [
    "balance",
    BalanceAt.bytes,
    32,
    [
      ...each(u32, { asset: BalanceAt.asset, next: BalanceAt.next }),
      ...each(i64, { wallet: BalanceAt.wallet, transfers: BalanceAt.transfers }),
    ],
  ],
  [
    "position",
    PositionAt.bytes,
    64,
    [
      ...each(u32, {
        next: PositionAt.next,
        account: PositionAt.account,
        terms: PositionAt.terms,
      }),
      ...each(u16, { instrument: PositionAt.instrument, flags: PositionAt.flags }),
      ...each(i64, {
        qtyLots: PositionAt.qtyLots,
        openCash: PositionAt.openCash,
        realizedPnl: PositionAt.realizedPnl,
        fees: PositionAt.fees,
        funding: PositionAt.funding,
        leverage: PositionAt.leverage,
        markPrice: PositionAt.markPrice,
        notional: PositionAt.notional,
        unrealizedPnl: PositionAt.unrealizedPnl,
        initialMargin: PositionAt.initialMargin,
        maintenanceMargin: PositionAt.maintenanceMargin,
        liquidationPrice: PositionAt.liquidationPrice,
        bankruptcyPrice: PositionAt.bankruptcyPrice,
        entryPrice: PositionAt.entryPrice,
      }),
    ],
  ],
  [
    "position terms",
    PositionTermsAt.bytes,
    64,
    [
      ...each(i64, {
        isolatedMargin: PositionTermsAt.isolatedMargin,
        buyLots: PositionTermsAt.buyLots,
        sellLots: PositionTermsAt.sellLots,
        buyValue: PositionTermsAt.buyValue,
        sellValue: PositionTermsAt.sellValue,
      }),
      ...each(u32, { openOrderCount: PositionTermsAt.openOrderCount, next: PositionTermsAt.next }),
    ],
  ],
  [
    "pool header",
    PoolAt.entries,
    64,
    [
      ...each(u32, {
        account: PoolAt.account,
        next: PoolAt.next,
        id: PoolAt.id,
        balance: PoolAt.balance,
        marketVersion: PoolAt.marketVersion,
      }),
      u16("count", PoolAt.count),
      ...each(u8, { order: PoolAt.order, isPooled: PoolAt.isPooled, status: PoolAt.status, settle: PoolAt.settle }),
      ...each(f64, {
        cash: PoolAt.cash,
        scale: PoolAt.scale,
        equity: PoolAt.equity,
        maintenance: PoolAt.maintenance,
      }),
    ],
  ],
  [
    "pool entry",
    PoolEntryAt.bytes,
    8,
    [
      ...each(f64, { qty: PoolEntryAt.qty, openCash: PoolEntryAt.openCash }),
      u32("row", PoolEntryAt.row),
      ...each(u16, { key: PoolEntryAt.key, flags: PoolEntryAt.flags }),
    ],
  ],
  [
    "order",
    OrderAt.bytes,
    64,
    [
      ...each(u32, { account: OrderAt.account, position: OrderAt.position, next: OrderAt.next }),
      ...each(i64, { orderId: OrderAt.orderId, priceTicks: OrderAt.priceTicks, remainingLots: OrderAt.remainingLots }),
      u8("side", OrderAt.side),
    ],
  ],
  [
    "fill record",
    FillAt.bytes,
    64,
    [
      ...each(u32, { index: FillAt.index, partition: FillAt.partition, instrument: FillAt.instrument }),
      ...each(i64, {
        offset: FillAt.offset,
        account: FillAt.account,
        timeNs: FillAt.timeNs,
        order: FillAt.order,
        qtyLots: FillAt.qtyLots,
        priceTicks: FillAt.priceTicks,
        fee: FillAt.fee,
        realizedPnl: FillAt.realizedPnl,
        positionLots: FillAt.positionLots,
        walletAfter: FillAt.walletAfter,
      }),
      ...each(u8, { side: FillAt.side, kind: FillAt.kind }),
      u16("flags", FillAt.flags),
    ],
  ],
  [
    "market header",
    MarketHeaderAt.bytes,
    4096,
    [
      ...each(u32, {
        referenceVersion: MarketHeaderAt.referenceVersion,
        marketVersion: MarketHeaderAt.marketVersion,
        instrumentEnd: MarketHeaderAt.instrumentEnd,
        assetEnd: MarketHeaderAt.assetEnd,
        tableEnd: MarketHeaderAt.tableEnd,
        tierCount: MarketHeaderAt.tierCount,
        groupEnd: MarketHeaderAt.groupEnd,
      }),
      f64("eventTimeNs", MarketHeaderAt.eventTimeNs),
    ],
  ],
  [
    "instrument",
    InstrumentAt.bytes,
    64,
    [
      ...each(u32, {
        id: InstrumentAt.id,
        marginTable: InstrumentAt.marginTable,
        base: InstrumentAt.base,
        quote: InstrumentAt.quote,
        settle: InstrumentAt.settle,
        bookState: InstrumentAt.bookState,
        lastSide: InstrumentAt.lastSide,
      }),
      text("symbol", InstrumentAt.symbol, 40),
      ...each(u8, {
        kind: InstrumentAt.kind,
        payoff: InstrumentAt.payoff,
        premium: InstrumentAt.premium,
        optionType: InstrumentAt.optionType,
      }),
      ...each(f64, {
        contractSize: InstrumentAt.contractSize,
        tickSize: InstrumentAt.tickSize,
        lotSize: InstrumentAt.lotSize,
        strike: InstrumentAt.strike,
        expiryNs: InstrumentAt.expiryNs,
        valueNum: InstrumentAt.valueNum,
        valueDen: InstrumentAt.valueDen,
        ticksPerUnit: InstrumentAt.ticksPerUnit,
        markTicks: InstrumentAt.markTicks,
        mark: InstrumentAt.mark,
        markTimeNs: InstrumentAt.markTimeNs,
        markReceivedNs: InstrumentAt.markReceivedNs,
        fundingRate: InstrumentAt.fundingRate,
        nextFundingNs: InstrumentAt.nextFundingNs,
        fundingTimeNs: InstrumentAt.fundingTimeNs,
        bid: InstrumentAt.bid,
        bidQty: InstrumentAt.bidQty,
        ask: InstrumentAt.ask,
        askQty: InstrumentAt.askQty,
        quoteTimeNs: InstrumentAt.quoteTimeNs,
        lastPrice: InstrumentAt.lastPrice,
        lastQty: InstrumentAt.lastQty,
        lastTradeTimeNs: InstrumentAt.lastTradeTimeNs,
        volume: InstrumentAt.volume,
        tradeCount: InstrumentAt.tradeCount,
        iv: InstrumentAt.iv,
        underlying: InstrumentAt.underlying,
        volTimeNs: InstrumentAt.volTimeNs,
        markSeq: InstrumentAt.markSeq,
        quoteSeq: InstrumentAt.quoteSeq,
        fundingSeq: InstrumentAt.fundingSeq,
        volSeq: InstrumentAt.volSeq,
        tradeSeq: InstrumentAt.tradeSeq,
        lotNum: InstrumentAt.lotNum,
        lotDen: InstrumentAt.lotDen,
        strikeE8: InstrumentAt.strikeE8,
      }),
    ],
  ],
  [
    "asset",
    AssetAt.bytes,
    64,
    [
      u32("id", AssetAt.id),
      text("symbol", AssetAt.symbol, 12),
      ...each(f64, {
        haircut: AssetAt.haircut,
        usdPrice: AssetAt.usdPrice,
        priceTimeNs: AssetAt.priceTimeNs,
        priceSeq: AssetAt.priceSeq,
        receivedNs: AssetAt.receivedNs,
      }),
      u32("version", AssetAt.version),
    ],
  ],
  [
    "margin table",
    MarginTableAt.bytes,
    64,
    [
      ...each(u32, { id: MarginTableAt.id, firstTier: MarginTableAt.firstTier, tierCount: MarginTableAt.tierCount }),
      ...each(u8, { model: MarginTableAt.model, notionalAt: MarginTableAt.notionalAt }),
      ...each(f64, {
        liquidationFeeRate: MarginTableAt.liquidationFeeRate,
        initialBase: MarginTableAt.initialBase,
        initialPerUnit: MarginTableAt.initialPerUnit,
        maintenanceBase: MarginTableAt.maintenanceBase,
        maintenancePerUnit: MarginTableAt.maintenancePerUnit,
      }),
    ],
  ],
  [
    "tier",
    TierAt.bytes,
    32,
    each(f64, {
      notionalFloor: TierAt.notionalFloor,
      initialRate: TierAt.initialRate,
      maintenanceRate: TierAt.maintenanceRate,
      deduction: TierAt.deduction,
    }),
  ],
  [
    "group",
    GroupAt.bytes,
    32,
    [
      u32("id", GroupAt.id),
      ...each(u8, { present: GroupAt.present, collateral: GroupAt.collateral, hedgeMode: GroupAt.hedgeMode }),
      text("name", GroupAt.name, 24),
    ],
  ],
];

describe("a row of shared memory", () => {
  it.each(ROWS)("%s: fields are aligned, apart and within its bytes", (name, bytes, align, fields) => {
    expect(bytes % align, `${name} is a multiple of ${align} bytes`).toBe(0);
    const sorted = fields.toSorted((a, b) => a[1] - b[1]);
    let end = 0;
    for (const [field, at, size] of sorted) {
      const length = Math.abs(size);
      // Text begins anywhere; a number where its size divides.
      if (size > 0) expect(at % size, `${name}.${field} at ${at}`).toBe(0);
      expect(at, `${name}.${field} begins before the field before it ends`).toBeGreaterThanOrEqual(end);
      end = at + length;
      expect(end, `${name}.${field} ends outside`).toBeLessThanOrEqual(bytes);
    }
  });

  it("keeps the two counters of a ring on lines of their own, prefetched neighbours included", () => {
    const words = [RingAt.recordCount, RingAt.published, RingAt.consumed, RingAt.waits].toSorted((a, b) => a - b);
    for (let i = 1; i < words.length; i++) expect(words[i] - words[i - 1]).toBeGreaterThanOrEqual(128);
  });

  it("keeps what every fill changes of a position in one line, and its valuation in another", () => {
    const line = (at: number) => Math.floor(at / 64);
    for (const at of [PositionAt.qtyLots, PositionAt.openCash, PositionAt.realizedPnl, PositionAt.fees, PositionAt.leverage])
      expect(line(at)).toBe(0);
    for (let at: number = PositionAt.markPrice; at <= PositionAt.entryPrice; at += 8) expect(line(at)).toBe(1);
    // No row begins within a line.
    expect(PositionAt.bytes).toBe(128);
    expect(PositionAt.entryPrice - PositionAt.markPrice).toBe(56);
    // The kernel writes them as pairs.
    expect(PositionAt.notional).toBe(PositionAt.markPrice + 8);
    expect(PositionAt.initialMargin).toBe(PositionAt.unrealizedPnl + 8);
    expect(PositionAt.bankruptcyPrice).toBe(PositionAt.liquidationPrice + 8);
  });

  it("has room for an account's most positions in its largest pool", () => {
    const largest = POOL_UNIT_BYTES << POOL_ORDER_MAX;
    expect(Math.floor((largest - PoolAt.entries) / PoolEntryAt.bytes)).toBeGreaterThanOrEqual(256);
    // An instrument and its three flags are a key of 16 bits.
    expect(INSTRUMENT_SLOTS * 8).toBeLessThanOrEqual(2 ** 16);
  });
});

describe("the sections", () => {
  it("of the market lie one after the other", () => {
    const offsets = [
      MarketHeaderAt.bytes,
      MARKET_VERSIONS_OFFSET,
      MARKET_INSTRUMENTS_OFFSET,
      MARKET_ASSETS_OFFSET,
      MARKET_TABLES_OFFSET,
      MARKET_TIERS_OFFSET,
      MARKET_GROUPS_OFFSET,
      MARKET_BYTES,
    ];
    for (let i = 1; i < offsets.length; i++) expect(offsets[i]).toBeGreaterThanOrEqual(offsets[i - 1]);
    for (const offset of offsets) expect(offset % 64).toBe(0);
  });

  it.each([
    ["by default", DEFAULT_SHARD_CAPACITY],
    [
      "of the smallest shard",
      { accounts: 1, balances: 1, positions: 1, orders: 1, inputRecords: 16_384, fillRecords: 2, alertRecords: 2 },
    ],
    [
      "of a million accounts of eight positions",
      { ...DEFAULT_SHARD_CAPACITY, accounts: 1_000_000, balances: 1_000_000, positions: 8_000_000 },
    ],
  ])("of a shard lie apart, each on a page of memory: %s", (_, capacity) => {
    const { sections, totalBytes } = shardSections(capacity);
    let end = KERNEL_RESERVED_BYTES;
    for (const { name, offset, bytes } of sections) {
      expect(offset % 4096, name).toBe(0);
      expect(offset, name).toBeGreaterThanOrEqual(end);
      end = offset + bytes;
    }
    expect(end).toBeLessThanOrEqual(totalBytes);
    expect(totalBytes % WASM_PAGE_BYTES).toBe(0);
    const bytes = Object.fromEntries(sections.map((section) => [section.name, section.bytes]));
    const units = bytes.pools / POOL_UNIT_BYTES;
    expect(units % POOL_GROUP_UNITS).toBe(0);
    expect(units).toBeGreaterThanOrEqual(capacity.positions);
    // A row of terms for each position, and the one of zeros.
    expect(bytes.positionTerms / PositionTermsAt.bytes).toBe(bytes.positions / PositionAt.bytes + 1);
    expect(bytes.poolSafe).toBe(units * 4);
    expect(bytes.poolSafeMinima).toBe((units / POOL_GROUP_UNITS) * 4);
    expect(bytes.watch).toBe(WATCH_SLOTS * 4);
    expect(bytes.alertRing).toBe(RingAt.bytes + capacity.alertRecords * ALERT_RECORD_BYTES);
  });
});
