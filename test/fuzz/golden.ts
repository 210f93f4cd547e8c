// One message of each type that the encoder writes, with every kind of event or record in it. Their bytes are kept in golden/*.hex:
// a change of the wire format shows there.
import {
  AccountBatchWriter,
  AlertBatchWriter,
  BookFlag,
  EventFlag,
  encodeDeadLetter,
  encodeEngine,
  MarketBatchWriter,
  ReferenceBatchWriter,
} from "../../src/shared/wire/encode";

const timeMs = 1_718_000_000_000.125;
const expiryMs = 1_727_424_000_000;

/** Instruments 1 (perpetual), 2 (option), 3 (future), 4 (spot) and assets 1 to 3 are the known ones of the tests here. */
export function goldenAccounts(): Buffer {
  const w = new AccountBatchWriter(7, 1000);
  const base = { account: 42, timeMs };
  w.transfer({ ...base, seq: 1, asset: 1, amount: 1_000_000_000_000 });
  w.accountSettings({ ...base, seq: 2, group: 3 });
  w.positionSettings({ ...base, seq: 3, instrument: 1, leverageE8: 2_000_000_000, flags: EventFlag.Isolated });
  w.orderPlaced({
    ...base,
    seq: 4,
    instrument: 1,
    side: 1,
    qtyLots: 500,
    priceTicks: 580_000,
    order: 99,
    flags: EventFlag.ReduceOnly,
  });
  w.fill({
    ...base,
    seq: 5,
    instrument: 1,
    side: 2,
    qtyLots: 1500,
    priceTicks: 610_001,
    fee: -12_345_678_901,
    order: 99,
    flags: EventFlag.Maker,
  });
  w.orderCancelled({ ...base, seq: 6, instrument: 1, order: 99 });
  w.isolatedTransfer({ ...base, seq: 7, instrument: 1, amount: -5_000_000_000, flags: EventFlag.Isolated });
  w.fundingSettlement({ seq: 8, timeMs, instrument: 1, priceTicks: 610_050, rateE12: -100_000_000 });
  w.expirySettlement({ seq: 1, timeMs, instrument: 2, priceTicks: 6_150_000_000_000 });
  w.expirySettlement({ seq: 2, timeMs, instrument: 3, priceTicks: 610_000 });
  return w.finish();
}

export function goldenMarket(): Buffer {
  const w = new MarketBatchWriter(8, 2000);
  w.mark({ instrument: 1, seq: 10, timeMs, priceTicks: 610_050 });
  w.indexPrice({ asset: 2, seq: 11, timeMs, price: 60_990.25 });
  w.fundingRate({ instrument: 1, seq: 12, timeMs, rate: -0.0001, nextSettlementMs: timeMs + 3_600_000 });
  w.quote({ instrument: 1, seq: 13, timeMs, bidTicks: 610_000, bidLots: 20, askTicks: 610_001, askLots: 35 });
  w.quote({ instrument: 4, seq: 14, timeMs, bidTicks: 0, bidLots: 0, askTicks: 610_001, askLots: 1 });
  w.impliedVol({ instrument: 2, seq: 15, timeMs, vol: 0.6, underlying: 61_500 });
  w.trade({ instrument: 1, aggressor: 2, seq: 16, timeMs, priceTicks: 610_000, qtyLots: 3, tradeId: 777 });
  const message = { instrument: 1, firstId: 20, lastId: 21, prevId: 19, timeMs };
  w.bookLevel({ ...message, side: 1, flags: BookFlag.First, priceTicks: 610_000, qtyLots: 20 });
  w.bookLevel({ ...message, side: 2, flags: BookFlag.Last, priceTicks: 610_007, qtyLots: 0 });
  w.bookLevel({
    ...message,
    firstId: 22,
    lastId: 22,
    prevId: 21,
    side: 0,
    flags: BookFlag.First | BookFlag.Last,
    priceTicks: 0,
    qtyLots: 0,
  });
  return w.finish();
}

export function goldenReference(): Buffer {
  const w = new ReferenceBatchWriter(9, 3000);
  w.asset({ id: 1, symbol: "USDT", usdPrice: 1 });
  w.asset({ id: 2, symbol: "BTC", haircut: 0.05, usdPrice: 60_000 });
  const sizes = { contractSize: 1, tickSize: "0.1", lotSize: "0.001" };
  const linear = { marginTable: 1, base: 2, quote: 1, settle: 1, payoff: 1, ...sizes };
  w.instrument({ ...linear, id: 1, symbol: "BTCUSDT", kind: 2 });
  const option = { kind: 4, premium: 1, optionType: 1, strike: 40_000, expiryMs };
  w.instrument({ ...linear, ...option, id: 2, marginTable: 3, settle: 2, symbol: "BTC-27SEP24-40000-C", tickSize: "0.0001" });
  w.instrument({
    ...linear,
    id: 3,
    symbol: "BTCUSD_240927",
    kind: 3,
    payoff: 2,
    settle: 2,
    contractSize: 100,
    marginTable: 2,
    expiryMs,
  });
  w.instrument({ ...linear, id: 4, marginTable: 0, symbol: "BTC/USDT", kind: 1 });
  w.marginTable({ id: 1, model: 1, liquidationFeeRate: 0.0125 });
  w.marginTier({ table: 1, notionalFloor: 0, initialRate: 0.01, maintenanceRate: 0.004 });
  w.marginTier({ table: 1, notionalFloor: 50_000, initialRate: 0.02, maintenanceRate: 0.01, deduction: 300 });
  w.marginTable({
    id: 2,
    model: 2,
    notionalAt: 1,
    initialBase: 0.02,
    initialPerUnit: 0.00005,
    maintenanceBase: 0.01,
    maintenancePerUnit: 0.00005,
  });
  w.marginTable({ id: 3, model: 3 });
  w.accountGroup({ id: 0, collateral: 0, hedgeMode: false });
  w.accountGroup({ id: 3, collateral: 1, hedgeMode: true, name: "market makers" });
  return w.finish();
}

export function goldenAlerts(): Buffer {
  const w = new AlertBatchWriter(10, 4000);
  w.alert({
    account: 42,
    timeMs,
    logOffset: 123_456_789_012,
    logPartition: 3,
    eventIndex: 63,
    marketSeq: 99,
    equityUsd: 1000.5,
    initialMarginUsd: 900,
    maintenanceMarginUsd: 450.25,
    worstMarginRatio: 0.45002498750624687,
    fromStatus: 0,
    toStatus: 1,
    freshness: 0,
    instrument: 1,
    alertSeq: 17,
  });
  return w.finish();
}

export function goldenDeadLetter(): Buffer {
  return encodeDeadLetter({
    topic: "plimsoll.accounts",
    partition: 2,
    offset: 123_456,
    code: "bad-identifier",
    reason: "bytes 4 to 7 are not the identifier of the topic's messages",
    timestampNs: 1_718_000_000_000_125_000n,
    payload: Uint8Array.from([0, 1, 2, 253, 254, 255]),
    producerId: 11,
    firstSequence: 5,
  });
}

export function goldenEngine(): Buffer {
  return encodeEngine({
    name: "plimsoll-1",
    http: "http://10.0.0.1:8080",
    stream: "ws://10.0.0.1:8081",
    partitions: [0, 3, 7],
    firstSequence: 2,
  });
}

export const GOLDEN: Readonly<Record<string, () => Buffer>> = {
  accounts: goldenAccounts,
  market: goldenMarket,
  reference: goldenReference,
  alerts: goldenAlerts,
  "dead-letter": goldenDeadLetter,
  engines: goldenEngine,
};

/** 32 bytes a line. */
export function toHex(message: Uint8Array): string {
  const hex = Buffer.from(message).toString("hex");
  return `${hex.match(/.{1,64}/g)?.join("\n") ?? ""}\n`;
}

export function fromHex(text: string): Buffer {
  return Buffer.from(text.replace(/\s+/g, ""), "hex");
}
