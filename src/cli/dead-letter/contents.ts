// What a refused message says, read with the accessors the schema compiler made. They check no bounds, so the verifier goes first:
// only a message that is whole is read. One whose checksum alone is wrong is read too, with a warning.
import * as flatbuffers from "flatbuffers";
import {
  AccountBatch,
  AccountEventKind,
  Collateral,
  InstrumentKind,
  MarginModel,
  MarketBatch,
  NotionalAt,
  OptionType,
  Payoff,
  Premium,
  ReferenceBatch,
  Side,
} from "../../../schemas/generated";
import { BatchHeaderAt } from "../../../schemas/generated/offsets";
import { VERIFY_CODES, VerifiedBatch, VerifyCode, verifyAccounts, verifyMarket, verifyReference } from "../../ingest/verify";
import { messageChecksum } from "../../shared/wire/crc32";
import { ASSET_SYMBOL_BYTES, EventFlag, GROUP_NAME_BYTES, INSTRUMENT_SYMBOL_BYTES } from "../../shared/wire/ranges";
import type { InputRole } from "./place";

export type Value = string | number | boolean | null;

export interface Vector {
  name: string;
  rows: Record<string, Value>[];
}

export interface Contents {
  producerId: number;
  firstSequence: number;
  vectors: Vector[];
  /** Why what is read here may be wrong; empty where nothing speaks against it. */
  warning: string;
}

type Struct = Record<string, (index?: number) => number | bigint | null>;

interface VectorSpec {
  name: string;
  fields: readonly string[];
  /** Text fields and their bytes. */
  texts?: Readonly<Record<string, number>>;
  enums?: Readonly<Record<string, Readonly<Record<number, string>>>>;
}

const MARKET_VECTORS: readonly VectorSpec[] = [
  { name: "marks", fields: ["instrument", "seq", "timeNs", "priceTicks"] },
  { name: "indexPrices", fields: ["asset", "seq", "timeNs", "price"] },
  { name: "fundingRates", fields: ["instrument", "seq", "timeNs", "rate", "nextSettlementNs"] },
  { name: "quotes", fields: ["instrument", "seq", "timeNs", "bidTicks", "bidLots", "askTicks", "askLots"] },
  { name: "impliedVols", fields: ["instrument", "seq", "timeNs", "vol", "underlying"] },
  {
    name: "trades",
    fields: ["instrument", "aggressor", "seq", "timeNs", "priceTicks", "qtyLots", "tradeId"],
    enums: { aggressor: Side },
  },
  {
    name: "bookLevels",
    fields: ["instrument", "side", "flags", "firstId", "lastId", "prevId", "timeNs", "priceTicks", "qtyLots"],
    enums: { side: Side },
  },
];

/** Vectors of each family, in schema order, with the fields in the order in which a person reads them. */
const FAMILIES: Readonly<Record<InputRole, readonly VectorSpec[]>> = {
  accounts: [
    {
      name: "events",
      fields: ["kind", "account", "seq", "timeNs", "instrument", "side", "qtyLots", "priceTicks", "amount", "order", "flags"],
      enums: { kind: AccountEventKind, side: Side },
    },
  ],
  market: MARKET_VECTORS,
  reference: [
    { name: "assets", fields: ["id", "symbol", "haircut", "usdPrice"], texts: { symbol: ASSET_SYMBOL_BYTES } },
    {
      name: "instruments",
      fields: [
        ...["id", "symbol", "kind", "payoff", "premium", "optionType", "base", "quote", "settle", "marginTable"],
        ...["contractSize", "tickSize", "lotSize", "strike", "expiryNs"],
      ],
      texts: { symbol: INSTRUMENT_SYMBOL_BYTES },
      enums: { kind: InstrumentKind, payoff: Payoff, premium: Premium, optionType: OptionType },
    },
    {
      name: "marginTables",
      fields: [
        ...["id", "model", "notionalAt", "liquidationFeeRate"],
        ...["initialBase", "initialPerUnit", "maintenanceBase", "maintenancePerUnit"],
      ],
      enums: { model: MarginModel, notionalAt: NotionalAt },
    },
    { name: "marginTiers", fields: ["table", "notionalFloor", "initialRate", "maintenanceRate", "deduction"] },
    {
      name: "accountGroups",
      fields: ["id", "name", "collateral", "hedgeMode"],
      texts: { name: GROUP_NAME_BYTES },
      enums: { collateral: Collateral },
    },
  ],
};

const EVENT_FLAG_NAMES: readonly [EventFlag, string][] = [
  [EventFlag.Maker, "maker"],
  [EventFlag.Isolated, "isolated"],
  [EventFlag.LongLeg, "long"],
  [EventFlag.ShortLeg, "short"],
  [EventFlag.ReduceOnly, "reduce-only"],
];

const verified = new VerifiedBatch();

function verify(role: InputRole, payload: Uint8Array): VerifyCode {
  const check = role === "accounts" ? verifyAccounts : role === "market" ? verifyMarket : verifyReference;
  return check(payload, verified);
}

/** A copy with the checksum its bytes should have. @param payload one that the verifier refused for its checksum, no sooner */
function resealed(payload: Uint8Array): Uint8Array {
  const copy = Buffer.from(payload);
  const table = copy.readUInt32LE(0);
  const vtable = table - copy.readInt32LE(table);
  const at = table + copy.readUInt16LE(vtable + 4) + BatchHeaderAt.checksum;
  copy.writeUInt32LE(messageChecksum(copy, at), at);
  return copy;
}

/** What the message says, or why it cannot be read. */
export function readContents(role: InputRole, payload: Uint8Array): Contents | { unreadable: string } {
  let bytes = payload;
  let warning = "";
  let code = verify(role, bytes);
  if (code === VerifyCode.BadChecksum) {
    bytes = resealed(payload);
    code = verify(role, bytes);
    if (code === VerifyCode.Ok) warning = "the checksum is not that of the bytes: any number here may be wrong";
    else code = VerifyCode.BadChecksum;
  }
  if (code !== VerifyCode.Ok) return { unreadable: VERIFY_CODES[code].meaning };
  const { producerId, firstSequence } = verified;
  const buffer = new flatbuffers.ByteBuffer(bytes);
  const batch = (role === "accounts"
    ? AccountBatch.getRootAsAccountBatch(buffer)
    : role === "market"
      ? MarketBatch.getRootAsMarketBatch(buffer)
      : ReferenceBatch.getRootAsReferenceBatch(buffer)) as unknown as Record<string, (index?: number) => unknown>;
  const vectors = FAMILIES[role].map((spec) => ({
    name: spec.name,
    rows: Array.from({ length: batch[`${spec.name}Length`]() as number }, (_, i) => row(spec, batch[spec.name](i) as Struct)),
  }));
  return { producerId, firstSequence, vectors: vectors.filter(({ rows }) => rows.length > 0), warning };
}

function row(spec: VectorSpec, struct: Struct): Record<string, Value> {
  return Object.fromEntries(spec.fields.map((field) => [field, value(spec, struct, field)]));
}

function value(spec: VectorSpec, struct: Struct, field: string): Value {
  const bytes = spec.texts?.[field];
  if (bytes !== undefined) {
    const text = Buffer.from(Array.from({ length: bytes }, (_, i) => Number(struct[field](i)))).toString("latin1");
    return text.replace(/\0+$/, "");
  }
  const raw = struct[field]();
  if (raw === null) return null;
  if (field.endsWith("Ns")) return time(BigInt(raw));
  const name = spec.enums?.[field]?.[Number(raw)];
  if (name !== undefined) return name;
  if (spec.name === "events" && field === "flags") return flags(Number(raw));
  if (typeof raw === "bigint") return Number.isSafeInteger(Number(raw)) ? Number(raw) : String(raw);
  // JSON has no other numbers; a person is to see them.
  return Number.isFinite(raw) ? raw : String(raw);
}

/** ISO where it is a time of this century or the last, to the nanosecond where it has any; else the number as it is. */
function time(ns: bigint): Value {
  if (ns === 0n) return 0;
  const ms = Number(ns / 1_000_000n);
  if (!(ms > 0 && ms < 8.64e15)) return String(ns);
  const rest = ns % 1_000_000n;
  const iso = new Date(ms).toISOString();
  return rest === 0n ? iso : `${iso.slice(0, -1)}${String(rest).padStart(6, "0")}Z`;
}

function flags(bits: number): Value {
  const names = EVENT_FLAG_NAMES.filter(([flag]) => (bits & flag) !== 0).map(([, name]) => name);
  const known = EVENT_FLAG_NAMES.reduce((sum, [flag]) => sum | flag, 0);
  if ((bits & ~known) !== 0) names.push(`0x${(bits & ~known).toString(16)}`);
  return names.length === 0 ? 0 : names.join("+");
}

/** The newest time of a market message's records, ms since the epoch. @param payload verified; 0 where it has no records */
export function newestTimeMs(payload: Uint8Array): number {
  const batch = MarketBatch.getRootAsMarketBatch(new flatbuffers.ByteBuffer(payload)) as unknown as Record<
    string,
    (index?: number) => unknown
  >;
  let newest = 0n;
  for (const { name } of MARKET_VECTORS)
    for (let i = 0; i < (batch[`${name}Length`]() as number); i++) {
      const timeNs = (batch[name](i) as Struct).timeNs() as bigint;
      if (timeNs > newest) newest = timeNs;
    }
  return Number(newest / 1_000_000n);
}

/**
 * Which record a reason names: `events[7].qtyLots is …`. A message that lay across the end of its ring counts from there on, and its
 * reason says so.
 */
export function namedIn(reason: string): { vector: string; index: number } | null {
  const match = /^(\w+)\[(\d+)\]\./.exec(reason);
  if (match === null) return null;
  const inMessage = /\(event (\d+) of the message\)$/.exec(reason);
  return { vector: match[1], index: Number(inMessage?.[1] ?? match[2]) };
}
