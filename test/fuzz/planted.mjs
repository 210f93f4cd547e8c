// Known bugs for the fuzzer to find: each is one change of the verifier's source, made while it is bundled and nowhere else. One that
// stays unfound says that the fuzzer is blind there. Run by `node test/fuzz/run.mjs --planted`.
import { readFileSync } from "node:fs";

const VERIFY = "src/ingest/verify/verify.ts";
const FIELDS = "src/ingest/verify/fields.ts";
const ACCOUNTS = "src/ingest/verify/check-accounts.ts";
const MARKET = "src/ingest/verify/check-market.ts";
const REFERENCE = "src/ingest/verify/check-reference.ts";
const ALERTS = "src/ingest/verify/check-alerts.ts";
const TABLE = "src/shared/wire/table-message.ts";
const LETTER = "src/shared/wire/dead-letter.ts";
const CRC = "src/shared/wire/crc32.ts";

/** File, what it is, text that stands there once, and what replaces it. */
export const PLANTED = [
  [VERIFY, "identifier not compared", "if (u32(bytes, 4) !== layout.identifierWord)", "if (false)"],
  [VERIFY, "end of the vtable not checked", "|| vtable + vtableBytes > length", ""],
  [VERIFY, "end of the table not checked", "tableBytes < 4 || table + tableBytes > length", "tableBytes < 4"],
  [VERIFY, "header may leave its table", "|| headerField + BatchHeaderAt.bytes > tableBytes", ""],
  [VERIFY, "header may be unaligned", "if (header % 8 !== 0)", "if (header % 4 !== 0)"],
  [VERIFY, "any schema version", "if (schemaVersion !== SCHEMA_VERSION)", "if (false)"],
  [
    VERIFY,
    "checksum not compared",
    "if (u32(bytes, header + BatchHeaderAt.checksum) !== messageChecksum",
    "if (0 * messageChecksum",
  ],
  [VERIFY, "reserved bytes not checked", "u16(bytes, header + BatchHeaderAt.reserved) !== 0 ||", ""],
  [VERIFY, "producer id not checked", "producerHigh > EXACT_HIGH_MAX ||", ""],
  [VERIFY, "sequence one bit too wide", "sequenceHigh > EXACT_HIGH_MAX", "sequenceHigh > 0x3fffff"],
  [VERIFY, "entries read past the vtable", "return entry + 2 <= vtableBytes ?", "return true ?"],
  [VERIFY, "required vector may be absent", "if (layout.vectorsRequired) return VerifyCode.MissingField;", ""],
  [VERIFY, "vector field may leave its table", "field < 4 || field + 4 > tableBytes", "field < 4"],
  [VERIFY, "vector length may lie outside", "offset < 4 || vector + 4 > length", "offset < 4"],
  [VERIFY, "vector offset wraps at 2^32", "const vector = slot + offset;", "const vector = (slot + offset) >>> 0;"],
  [VERIFY, "structs may be unaligned", "if (start % 8 !== 0)", "if (start % 4 !== 0)"],
  [VERIFY, "elements not compared with the end", "if (start + count * vectors[i].structBytes > length)", "if (false)"],
  [VERIFY, "one byte too many allowed", "vectors[i].structBytes > length", "vectors[i].structBytes > length + 8"],
  [VERIFY, "an empty vector must be aligned", "if (count === 0) continue;", ""],
  [CRC, "checksum not put back whole", "message[checksumAt + 2] = b2;", ""],
  [
    FIELDS,
    "one bit too many in positive numbers",
    "high >>> 0 <= EXACT_HIGH_MAX && (high | i32[word]) !== 0",
    "high >>> 0 <= 0x3fffff && (high | i32[word]) !== 0",
  ],
  [FIELDS, "0 taken as positive", "high >>> 0 <= EXACT_HIGH_MAX && (high | i32[word]) !== 0", "high >>> 0 <= EXACT_HIGH_MAX"],
  [FIELDS, "positive only if the low half is", "(high | i32[word]) !== 0;\n}\n\n/** 0 …", "i32[word] !== 0;\n}\n\n/** 0 …"],
  [FIELDS, "amount of -2^53", "(high === EXACT_HIGH_MIN && i32[word] !== 0)", "high === EXACT_HIGH_MIN"],
  [FIELDS, "zero by its low half", "return (i32[word] | i32[word + 1]) === 0;", "return i32[word] === 0;"],
  [FIELDS, "first ns of 2000 refused", "i32[word] >>> 0 >= FROM_LOW", "i32[word] >>> 0 > FROM_LOW"],
  [FIELDS, "first ns of 2200 accepted", "i32[word] >>> 0 < TO_LOW", "i32[word] >>> 0 <= TO_LOW"],
  [FIELDS, "times before 1970", "if (high <= FROM_HIGH) return", "if (high >= 0 && high <= FROM_HIGH) return"],
  [FIELDS, "low halves compared as signed", "i32[first] >>> 0 <= i32[second] >>> 0", "i32[first] <= i32[second]"],
  [FIELDS, "NaN and infinity taken as prices", "return value > 0 && value < Number.POSITIVE_INFINITY;", "return !(value <= 0);"],
  [FIELDS, "both legs at once", "=== (EventFlag.LongLeg | EventFlag.ShortLeg);", "=== -1;"],
  [ACCOUNTS, "plain fill: one bit too many", "if (highs >>> 0 > EXACT_HIGH_MAX ||", "if (highs >>> 0 > 0x3fffff ||"],
  [ACCOUNTS, "plain fill: amount of -2^53", " || amountHigh === EXACT_HIGH_MIN) return false;", ") return false;"],
  [ACCOUNTS, "plain fill: order not looked at", " | i32[at + ORDER + 1] |", " |"],
  [ACCOUNTS, "plain fill: seq of 0", "if ((i32[at + SEQ] | seqHigh) === 0 || ", "if ("],
  [ACCOUNTS, "plain fill: price of 0", " || (i32[at + PRICE] | priceHigh) === 0) return", ") return"],
  [
    ACCOUNTS,
    "plain fill: any side",
    "if (shape !== PLAIN_BUY && shape !== PLAIN_SELL) return",
    "if ((shape & 255) !== AccountEventKind.Fill) return",
  ],
  [ACCOUNTS, "plain fill: unknown instrument", "instrument < INSTRUMENT_SLOTS && known.instrumentKinds[instrument] !== 0 &&", ""],
  [ACCOUNTS, "plain fill: any time", " && isTime(i32, at + TIME);", ";"],
  [ACCOUNTS, "ids past the table of instruments", "if (instrument < INSTRUMENT_SLOTS &&", "if ("],
  [ACCOUNTS, "ids past the table of assets", "if (asset >= ASSET_SLOTS ||", "if ("],
  [ACCOUNTS, "group one too high", "if (group >= GROUP_SLOTS)", "if (group > GROUP_SLOTS)"],
  [ACCOUNTS, "side not checked", "if (side !== 1 && side !== 2)", "if (false)"],
  [
    ACCOUNTS,
    "funding of a future",
    "known.instrumentKinds[instrument] !== InstrumentKind.Perpetual",
    "known.instrumentKinds[instrument] === 1",
  ],
  [ACCOUNTS, "funding rate a million times too high", "FUNDING_RATE_MAX_E12)", "FUNDING_RATE_MAX_E12 * 1000)"],
  [
    ACCOUNTS,
    "funding of a spot, expiry of a perpetual",
    "kind !== InstrumentKind.Future && kind !== InstrumentKind.Option",
    "kind === 0",
  ],
  [ACCOUNTS, "settlement of one account", "if (!isZero(i32, at + ACCOUNT))", "if (false)"],
  [ACCOUNTS, "last event not checked", "for (let i = 0; i < count; i++)", "for (let i = 0; i < count - 1; i++)"],
  [ACCOUNTS, "one event too many checked", "for (let i = 0; i < count; i++)", "for (let i = 0; i <= count; i++)"],
  [MARKET, "crossed quotes", "if (!isZero(i32, ask) && !isOrdered(i32, bid, ask))", "if (false)"],
  [MARKET, "locked quotes refused", "!isOrdered(i32, bid, ask)", "isOrdered(i32, ask, bid)"],
  [MARKET, "lots on an empty side", "if (isZero(i32, lots)) return VerifyCode.Ok;", "return VerifyCode.Ok;"],
  [
    MARKET,
    "a rate of NaN",
    "if (!(rate >= -FUNDING_RATE_MAX && rate <= FUNDING_RATE_MAX))",
    "if (rate < -FUNDING_RATE_MAX || rate > FUNDING_RATE_MAX)",
  ],
  [MARKET, "book ids that go back", "if (!isOrdered(i32, at + FIRST_ID, at + LAST_ID))", "if (false)"],
  [MARKET, "another previous id inside a book message", "isSame(i32, at + PREV_ID, before + PREV_ID) &&", ""],
  [MARKET, "a book message that begins inside another", "if (begins !== ((flagsBefore & BookFlag.Last) !== 0))", "if (false)"],
  [MARKET, "trade's padding read with its aggressor", "i32[at + TradeAt.aggressor / 4] & 255", "i32[at + TradeAt.aggressor / 4]"],
  [REFERENCE, "text with a zero inside", "while (end < bytes && u8[at + end] === 0) end += 1;", "end = bytes;"],
  [
    REFERENCE,
    "a full-length symbol refused",
    "end === bytes && chars >= minChars",
    "end === bytes && chars < bytes && chars >= minChars",
  ],
  [
    REFERENCE,
    "ids twice",
    'if (ids.has(id)) return refuse(VerifyCode.Duplicate, "id", id',
    'if (false) return refuse(VerifyCode.Duplicate, "id", id',
  ],
  [REFERENCE, "symbols twice", "if (symbols.has(symbol))", "if (false)"],
  [REFERENCE, "tiers of one floor", "floor > floorBefore &&", "floor >= floorBefore &&"],
  [REFERENCE, "tiers in two runs", "|| ended.has(own)", ""],
  [REFERENCE, "a tiered table without tiers", "isTiered !== withTiers.has(id)", "!isTiered && withTiers.has(id)"],
  [
    REFERENCE,
    "initial rate below maintenance",
    "if (!(initial >= maintenance && initial <= 1))",
    "if (!(initial > 0 && initial <= 1))",
  ],
  [REFERENCE, "an inverse option", "isOption || kind === InstrumentKind.Spot ? 1 : 2", "kind === InstrumentKind.Spot ? 1 : 2"],
  [REFERENCE, "haircut of 1", "haircut < 1)", "haircut <= 1)"],
  [ALERTS, "equity of NaN", "if (!Number.isFinite(value))", "if (value === Number.POSITIVE_INFINITY)"],
  [ALERTS, "status 5", "if (to > AccountStatus.Bankrupt)", "if (to > AccountStatus.Bankrupt + 1)"],
  [TABLE, "identifier of a table not compared", "message[4 + i] !== letter.charCodeAt(0)", "false"],
  [TABLE, "end of a table not checked", "tableBytes >= 4 && table + tableBytes <= length", "tableBytes >= 4"],
  [TABLE, "field may leave its table", "this.expect(field >= 4 && field + bytes <= tableBytes, ", "this.expect(field >= 4, "],
  [TABLE, "field of a table may be unaligned", "(table + field) % alignment === 0", "(table + field) % 2 === 0"],
  [TABLE, "any schema version of a table", "if (version !== SCHEMA_VERSION)", "if (version === 0)"],
  [
    TABLE,
    "checksum of a table not compared",
    "view.getUint32(checksumAt, true) === messageChecksum(message, checksumAt)",
    "messageChecksum(message, checksumAt) >= 0",
  ],
  [TABLE, "reserved bytes of a table not checked", "view.getUint16(header + BatchHeaderAt.reserved, true) === 0", "true"],
  [TABLE, "producer id of a table not checked", "this.expect(value <= BigInt(EXACT_INTEGER_MAX), ", "this.expect(true, "],
  [TABLE, "text without its end", "end < length && message[end] === 0", "end <= length"],
  [TABLE, "bytes beyond the end", ": end <= length", ": true"],
  [TABLE, "text that is none", "fatal: true", "fatal: false"],
  [TABLE, "missing text", "this.expect(slot !== -1, ", "this.expect(true, "],
  [LETTER, "place of a letter not checked", "  checkPlace(letter);\n  return", "  return"],
];

/** Replaces the text while esbuild loads the file. */
function plant([file, , from, to]) {
  return {
    name: "planted",
    setup(build) {
      build.onLoad({ filter: new RegExp(`${file.replaceAll("/", "[\\\\/]").replaceAll(".", "\\.")}$`) }, ({ path }) => {
        const parts = readFileSync(path, "utf8").split(from);
        if (parts.length !== 2) throw new Error(`planted.mjs: ${file} has ${parts.length - 1} times, not once: ${from}`);
        return { contents: parts.join(to), loader: "ts" };
      });
    },
  };
}

/**
 * @param load bundles and imports a module with esbuild plugins
 * @param mutations tried for each bug at most
 * @param every     1: all bugs; 5: every fifth
 * @returns how many bugs were not found
 */
export async function runPlanted(load, mutations, seed, every = 1) {
  const bugs = PLANTED.filter((_, i) => i % every === 0);
  let missed = 0;
  for (const bug of bugs) {
    const { fuzz } = await load("fuzz.ts", [plant(bug)]);
    const { counts } = fuzz(seed, mutations, 1);
    const tried = [...counts.values()].reduce((sum, times) => sum + times, 0);
    // A run to the end may still have failed for a code that the bug keeps from coming: that is no find.
    const isFound = tried < mutations;
    if (!isFound) missed += 1;
    console.log(
      `${isFound ? `found after ${String(tried).padStart(7)}` : "NOT FOUND            "}  ${bug[0].replace(/.*\//, "")}: ${bug[1]}`,
    );
  }
  console.log(`${bugs.length - missed} of ${bugs.length} planted bugs found, seed ${seed}, at most ${mutations} mutations each`);
  return missed;
}
