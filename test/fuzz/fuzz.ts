// The fuzzer: changed messages go through the verifier and its slow twin, which must agree on every one. So nothing wrong is accepted,
// nothing right is refused; and nothing throws, changes its input, or depends on what lies behind the message.
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
import { ReferenceBatchWriter } from "../../src/shared/wire/encode";
import { goldenAccounts, goldenAlerts, goldenMarket, goldenReference } from "./golden";
import { Mutator, Random, type Shape, shapeOf } from "./mutate";
import { emptyAccounts, newerAccounts, stockAccounts, stockAlerts, stockMarket, stockReference } from "./stock-builder";
import { ASSETS, type Family, INSTRUMENTS, isRight } from "./twin";

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

const FAMILIES: readonly [Family, BatchLayout, Verify, Check, (() => Uint8Array)[]][] = [
  [
    "accounts",
    ACCOUNT_BATCH,
    verifyAccounts,
    () => (checkAccountEvents(aligned.i32, batch.offsets[0], batch.counts[0], known) < 0 ? VerifyCode.Ok : lastCode()),
    [goldenAccounts, stockAccounts, newerAccounts, emptyAccounts],
  ],
  [
    "market",
    MARKET_BATCH,
    verifyMarket,
    () => checkMarketBatch(aligned, batch, known),
    [goldenMarket, stockMarket, () => stockMarket(false)],
  ],
  [
    "reference",
    REFERENCE_BATCH,
    verifyReference,
    () => checkReferenceBatch(aligned, batch),
    [goldenReference, stockReference, tiersOfThreeTables],
  ],
  [
    "alerts",
    ALERT_BATCH,
    verifyAlerts,
    () => (checkAlerts(aligned, batch.offsets[0], batch.counts[0]) < 0 ? VerifyCode.Ok : lastCode()),
    [goldenAlerts, stockAlerts],
  ],
];

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
  const families = FAMILIES.map(([name, layout, verify, check, makers]) => {
    const shapes: Shape[] = makers.map((make) => shapeOf(Uint8Array.from(make()), layout.vectors));
    const bytesMax = Math.max(...shapes.map((shape) => shape.message.length));
    const mutators = Array.from({ length: 8 }, (_, shift) => new Mutator(random, bytesMax, shift));
    for (const { message } of shapes) {
      const code = judge(message, verify, check);
      if (code !== VerifyCode.Ok || !isRight(message, name))
        result.failures.push(`${name}: an unchanged message is refused, ${code}`);
    }
    return { name, verify, check, shapes, mutators };
  });
  const counts = new Array<number>(64).fill(0);
  const before = new Uint8Array(65536);

  for (let n = 0; n < mutations && result.failures.length < failuresMax; n++) {
    // Three of each, but one of alerts, the simplest.
    const { name, verify, check, shapes, mutators } = families[Math.floor(random.below(10) / 3)];
    const mutator = mutators[random.below(8)];
    mutator.run(shapes[random.below(shapes.length)], shapes);
    if (random.below(8) !== 0) repairChecksum(mutator.bytes, mutator.length);
    const message = mutator.message;
    before.set(message);
    let code: VerifyCode;
    let isFine: boolean;
    try {
      code = judge(message, verify, check);
      isFine = isRight(message, name);
    } catch (error) {
      result.failures.push(`${name}, mutation ${n}: ${error instanceof Error ? error.stack : error}\n${hex(message)}`);
      continue;
    }
    counts[code]++;
    if (Buffer.compare(message, before.subarray(0, message.length)) !== 0)
      result.failures.push(`${name}, mutation ${n}: the message was changed\n${hex(message)}`);
    if ((code === VerifyCode.Ok) !== isFine)
      result.failures.push(
        `${name}, mutation ${n}: ${isFine ? "refused" : "accepted"} (${VERIFY_CODES[code].name}${code >= 32 ? `: ${lastReason()}` : ""}), ` +
          `the twin says ${isFine ? "right" : "wrong"}\n${hex(message)}`,
      );
  }
  for (const [code, times] of counts.entries()) if (times > 0) result.counts.set(VERIFY_CODES[code as VerifyCode].name, times);
  if (mutations >= DEEP_FROM_MUTATIONS && result.failures.length === 0)
    for (const code of DEEP_CODES) if (!result.counts.has(code)) result.failures.push(`no message was refused for ${code}`);
  return result;
}

/** The whole way of a message: verify, copy, check; twice, with other bytes behind it. */
function judge(message: Uint8Array, verify: Verify, check: Check): VerifyCode {
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
