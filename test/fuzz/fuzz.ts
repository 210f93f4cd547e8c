// The fuzzer: changed messages go through the verifier and its slow twin, which must agree on every one. So nothing wrong is accepted,
// nothing right is refused; and nothing throws, changes its input, or depends on what lies behind the message.
import { isDeepStrictEqual } from "node:util";
import {
  AlignedMessage,
  checkAccountEvents,
  checkAlerts,
  checkMarketBatch,
  checkReferenceBatch,
  createLookup,
  lastCode,
  lastFault,
  lastReason,
  VERIFY_CODES,
  VerifiedBatch,
  VerifyCode,
  verifyAccounts,
  verifyAlerts,
  verifyMarket,
  verifyReference,
} from "../../src/ingest/verify/index";
import { ACCOUNT_BATCH, ALERT_BATCH, type BatchLayout, MARKET_BATCH, REFERENCE_BATCH } from "../../src/shared/wire/batch-layout";
import { messageChecksum } from "../../src/shared/wire/crc32";
import { DEAD_LETTER } from "../../src/shared/wire/dead-letter";
import {
  decodeDeadLetter,
  decodeEngine,
  encodeDeadLetter,
  encodeEngine,
  ReferenceBatchWriter,
} from "../../src/shared/wire/encode";
import { ENGINE_ANNOUNCEMENT } from "../../src/shared/wire/engine-announcement";
import type { TableField, TableLayout } from "../../src/shared/wire/table-message";
import { goldenAccounts, goldenAlerts, goldenDeadLetter, goldenEngine, goldenMarket, goldenReference } from "./golden";
import { type FieldLayout, Mutator, Random, type Shape, shapeOf } from "./mutate";
import { emptyAccounts, newerAccounts, stockAccounts, stockAlerts, stockMarket, stockReference } from "./stock-builder";
import { ASSETS, type Family, INSTRUMENTS, isRight, isRightTable, type TableFamily } from "./twin";

export interface FuzzResult {
  seed: number;
  mutations: number;
  /** Times each code came, "ok" among them. */
  counts: Map<string, number>;
  /** What went wrong, with the message. */
  failures: string[];
}

/** A run is worth something only if it gets past every check: these codes are the last of their kind, and must come. */
const DEEP_CODES = [
  "ok",
  "bad-checksum",
  "vector-out-of-bounds",
  "bad-tiers",
  "crossed-quote",
  "broken-book-message",
  "bad-flags",
];
const DEEP_FROM_MUTATIONS = 200_000;

const known = createLookup();
for (const [id, kind] of INSTRUMENTS) known.instrumentKinds[id] = kind;
for (const id of ASSETS) known.assets[id] = 1;

const batch = new VerifiedBatch();
const aligned = new AlignedMessage();

type Verify = (payload: Uint8Array | null, out: VerifiedBatch) => VerifyCode;
type Check = () => VerifyCode;

interface FuzzedFamily {
  name: string;
  /** How often of twelve. */
  share: number;
  fields: readonly FieldLayout[];
  /** Messages that are right, to be changed. */
  makers: (() => Uint8Array)[];
  /** The code that it is refused for, or "ok". Sets `why` where there is more to say. Throws where the program is wrong. */
  judge(message: Uint8Array): string;
  /** What the twin says. */
  isRight(message: Uint8Array): boolean;
}

/** The reason of the last refusal, where it has one. */
let why = "";

function batchFamily(
  name: Family,
  share: number,
  layout: BatchLayout,
  verify: Verify,
  check: Check,
  makers: (() => Uint8Array)[],
): FuzzedFamily {
  const judge = (message: Uint8Array) => {
    const code = judgeBatch(message, verify, check);
    why = code >= 32 ? lastReason() : "";
    return VERIFY_CODES[code].name;
  };
  return { name, share, fields: layout.vectors, makers, judge, isRight: (message) => isRight(message, name) };
}

const FIELD_BYTES: Record<TableField, number> = { text: 1, bytes: 1, u32s: 4, i32: 4, i64: 8 };

function tableFamily<T>(
  name: TableFamily,
  layout: TableLayout,
  decode: (message: Uint8Array) => T,
  encode: (value: T) => Uint8Array,
  makers: (() => Uint8Array)[],
): FuzzedFamily {
  const fields = layout.fields.map((type) => ({
    name: type,
    structBytes: FIELD_BYTES[type],
    isNumber: type === "i32" || type === "i64",
  }));
  const judge = (message: Uint8Array) => {
    let value: T;
    try {
      value = decode(message);
    } catch (error) {
      why = (error as Error).message;
      // Refused by an accident: something was read before it was looked at.
      if (!/^(not )?an? |^(partition|offset|timestampNs) must be/.test(why)) throw error;
      return `${name}: ${why.replace(/^[^:]*: |; it is .*/g, "").replace(/-?\d+/g, "#")}`;
    }
    why = "";
    // What it says can be said again.
    if (!isDeepStrictEqual(decode(encode(value)), value)) throw new Error("read again it says something else");
    return "ok";
  };
  return { name, share: 1, fields, makers, judge, isRight: (message) => isRightTable(message, name) };
}

const FAMILIES: readonly FuzzedFamily[] = [
  batchFamily(
    "accounts",
    3,
    ACCOUNT_BATCH,
    verifyAccounts,
    () => (checkAccountEvents(aligned.i32, batch.offsets[0], batch.counts[0], known) < 0 ? VerifyCode.Ok : lastCode()),
    [goldenAccounts, stockAccounts, newerAccounts, emptyAccounts],
  ),
  batchFamily("market", 3, MARKET_BATCH, verifyMarket, () => checkMarketBatch(aligned, batch, known), [
    goldenMarket,
    stockMarket,
    () => stockMarket(false),
  ]),
  batchFamily("reference", 3, REFERENCE_BATCH, verifyReference, () => checkReferenceBatch(aligned, batch), [
    goldenReference,
    stockReference,
    tiersOfThreeTables,
  ]),
  batchFamily(
    "alerts",
    1,
    ALERT_BATCH,
    verifyAlerts,
    () => (checkAlerts(aligned, batch.offsets[0], batch.counts[0]) < 0 ? VerifyCode.Ok : lastCode()),
    [goldenAlerts, stockAlerts],
  ),
  tableFamily("dead-letter", DEAD_LETTER, decodeDeadLetter, encodeDeadLetter, [
    goldenDeadLetter,
    () =>
      encodeDeadLetter({ topic: "", partition: 0, offset: 0, code: "", reason: "", timestampNs: 0, payload: new Uint8Array(0) }),
  ]),
  tableFamily("engines", ENGINE_ANNOUNCEMENT, decodeEngine, encodeEngine, [
    goldenEngine,
    () => encodeEngine({ name: "ä", http: "", stream: "", partitions: [] }),
  ]),
];

/** Twelve places, so that each family comes as often as its share says. */
const PLACES = FAMILIES.flatMap(({ share }, i) => new Array<number>(share).fill(i));

/** Tiers of one table beside those of others, and a symbol without a zero behind it. */
function tiersOfThreeTables(): Uint8Array {
  const w = new ReferenceBatchWriter(1);
  w.asset({ id: 255, symbol: "ABCDEFGHIJKL", usdPrice: 2 });
  for (const table of [1, 2, 3]) {
    w.marginTable({ id: table, model: 1 });
    for (const floor of [0, 1000]) w.marginTier({ table, notionalFloor: floor, initialRate: 0.02, maintenanceRate: 0.01 });
  }
  return w.finish();
}

/**
 * @param seed 0 … 2^32 − 1; the same seed and count give the same run
 * @param failuresMax the run ends at so many failures
 */
export function fuzz(seed: number, mutations: number, failuresMax = 3): FuzzResult {
  const result: FuzzResult = { seed, mutations, counts: new Map(), failures: [] };
  const random = new Random(seed);
  const families = FAMILIES.map((family) => {
    const shapes: Shape[] = family.makers.map((make) => shapeOf(Uint8Array.from(make()), family.fields));
    const bytesMax = Math.max(...shapes.map((shape) => shape.message.length));
    const mutators = Array.from({ length: 8 }, (_, shift) => new Mutator(random, bytesMax, shift));
    for (const { message } of shapes) {
      const code = family.judge(message);
      if (code !== "ok" || !family.isRight(message))
        result.failures.push(`${family.name}: an unchanged message is refused, ${code}`);
    }
    return { ...family, shapes, mutators };
  });
  const { counts } = result;
  const before = new Uint8Array(65536);

  for (let n = 0; n < mutations && result.failures.length < failuresMax; n++) {
    const { name, judge, isRight: twin, shapes, mutators } = families[PLACES[random.below(PLACES.length)]];
    const mutator = mutators[random.below(8)];
    mutator.run(shapes[random.below(shapes.length)], shapes);
    if (random.below(8) !== 0) repairChecksum(mutator.bytes, mutator.length);
    const message = mutator.message;
    before.set(message);
    let code: string;
    let isFine: boolean;
    try {
      code = judge(message);
      isFine = twin(message);
    } catch (error) {
      result.failures.push(`${name}, mutation ${n}: ${error instanceof Error ? error.stack : error}\n${hex(message)}`);
      continue;
    }
    counts.set(code, (counts.get(code) ?? 0) + 1);
    if (Buffer.compare(message, before.subarray(0, message.length)) !== 0)
      result.failures.push(`${name}, mutation ${n}: the message was changed\n${hex(message)}`);
    if ((code === "ok") !== isFine)
      result.failures.push(
        `${name}, mutation ${n}: ${isFine ? "refused" : "accepted"} (${code}${why === "" ? "" : `: ${why}`}), ` +
          `the twin says ${isFine ? "right" : "wrong"}\n${hex(message)}`,
      );
  }
  if (mutations >= DEEP_FROM_MUTATIONS && result.failures.length === 0)
    for (const code of DEEP_CODES) if (!counts.has(code)) result.failures.push(`no message was refused for ${code}`);
  return result;
}

/** The whole way of a message: verify, copy, check; twice, with other bytes behind it. */
function judgeBatch(message: Uint8Array, verify: Verify, check: Check): VerifyCode {
  const code = verify(message, batch);
  if (code !== VerifyCode.Ok) return code;
  aligned.load(message);
  aligned.u8.fill(0, message.length, message.length + 256);
  const first = check();
  aligned.u8.fill(0xff, message.length, message.length + 256);
  const second = check();
  if (first !== second) throw new Error(`code ${first} with zeros behind the message, ${second} with ones`);
  if (first !== VerifyCode.Ok && (lastFault.code !== first || !/^\w+\[\d+\]\.\w+ is .+; it must be .+/.test(lastReason())))
    throw new Error(`code ${first} without a reason: ${lastReason()}`);
  return first;
}

/** As a producer would whose only fault lies elsewhere. Leaves a message alone whose header cannot be found. */
function repairChecksum(bytes: Uint8Array, length: number): void {
  const u16 = (at: number) => bytes[at] | (bytes[at + 1] << 8);
  const i32 = (at: number) => u16(at) | (u16(at + 2) << 16);
  if (length < 40) return;
  const table = i32(0);
  if (table < 8 || table + 4 > length) return;
  const vtable = table - i32(table);
  if (vtable < 8 || vtable + 6 > length) return;
  const header = table + u16(vtable + 4);
  if (header + 24 > length) return;
  const checksum = messageChecksum(new Uint8Array(bytes.buffer, bytes.byteOffset, length), header + 4);
  for (let i = 0; i < 4; i++) bytes[header + 4 + i] = checksum >>> (8 * i);
}

function hex(message: Uint8Array): string {
  return Buffer.from(message).toString("hex");
}

export function report(result: FuzzResult): string {
  const lines = [...result.counts].sort((a, b) => b[1] - a[1]).map(([name, times]) => `  ${String(times).padStart(10)}  ${name}`);
  const tried = [...result.counts.values()].reduce((sum, times) => sum + times, 0);
  const found = result.failures.length === 0 ? "found nothing" : `FOUND:\n${result.failures.join("\n")}`;
  return `wire fuzzer: seed ${result.seed}, ${tried} of ${result.mutations} mutations\n${lines.join("\n")}\n${found}`;
}
