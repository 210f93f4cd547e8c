// The parts of `plimsoll dead-letter` that need no cluster. The command itself, with Kafka and an engine: test/system/dead-letter.test.ts.
import { describe, expect, it, test } from "vitest";
import { InstrumentKind, MarginModel, Payoff } from "../../../schemas/generated";
import { referenceMessage } from "../../../test/support/contracts";
import type { LogMessage } from "../../ingest/kafka/log-consumer";
import { VERIFY_CODES } from "../../ingest/verify/codes";
import {
  AccountBatchWriter,
  decodeDeadLetter,
  EventFlag,
  MarketBatchWriter,
  ReferenceBatchWriter,
} from "../../shared/wire/encode";
import { LETTER_CODES } from "./codes";
import { namedIn, newestTimeMs, readContents } from "./contents";
import { Judge } from "./judge";
import type { LogReader } from "./log-reader";
import { encodeMarker, markerOf, REDRIVEN } from "./marker";
import { parsePlace, parseRole, placeText } from "./place";
import { hexDump } from "./show";
import { parseSince } from "./since";

const TIME_MS = Date.UTC(2025, 2, 1, 12);

describe("the place of a letter", () => {
  test.each([
    ["accounts/2/4711", "x.accounts/2/4711"],
    ["x.accounts/2/4711", "x.accounts/2/4711"],
    ["market/0/0", "x.market/0/0"],
    ["reference/0/9007199254740991", "x.reference/0/9007199254740991"],
  ])("%s is %s", (text, place) => {
    expect(placeText(parsePlace(text, "x."))).toBe(place);
  });

  test.each([
    ["accounts", /is not topic\/partition\/offset/],
    ["accounts/1", /is not topic\/partition\/offset/],
    ["accounts/-1/0", /is not topic\/partition\/offset/],
    ["accounts/1/2/3", /is not topic\/partition\/offset/],
    ["accounts/1/1.5", /is not topic\/partition\/offset/],
    ["alerts/1/2", /names a topic that is not accounts, market or reference/],
    ["y.accounts/1/2", /names a topic that is not .* with the prefix "x\."/],
    ["accounts/4294967296/2", /partition that is too large/],
    ["accounts/1/9007199254740993", /offset that is too large/],
  ])("%s is refused", (text, message) => {
    expect(() => parsePlace(text, "x.")).toThrow(message);
  });

  it("knows three topics", () => {
    expect(parseRole("market")).toBe("market");
    expect(() => parseRole("alerts")).toThrow(/--topic must be accounts, market or reference/);
  });
});

describe("--since", () => {
  const now = TIME_MS;
  test.each([
    ["30m", now - 30 * 60_000],
    ["12h", now - 12 * 3_600_000],
    ["7d", now - 7 * 86_400_000],
    ["45s", now - 45_000],
    ["1718000000000", 1_718_000_000_000],
    ["2024-06-10", Date.UTC(2024, 5, 10)],
    ["2024-06-10T12:00", Date.UTC(2024, 5, 10, 12)],
    ["2024-06-10T12:00:01.5Z", Date.UTC(2024, 5, 10, 12, 0, 1, 500)],
    ["2024-06-10T12:00+02:00", Date.UTC(2024, 5, 10, 10)],
  ])("%s", (text, ms) => {
    expect(parseSince(text, now)).toBe(ms);
  });

  test.each(["", "yesterday", "10", "7w", "2024-13-01", "2024-06-10 12:00", "-5m"])("%j is refused", (text) => {
    expect(() => parseSince(text, now)).toThrow(/--since must be/);
  });
});

describe("the mark of a redrive", () => {
  const marker = {
    of: { topic: "plimsoll.accounts", partition: 3, offset: 17 },
    to: { topic: "plimsoll.accounts", partition: 3, offset: 812 },
    atMs: TIME_MS,
    sizeBytes: 120,
    crc32: 0x00abcdef,
  };

  it("is a dead letter with a code of its own and no payload, and reads back as it was", () => {
    const record = decodeDeadLetter(encodeMarker(marker));
    expect(record).toMatchObject({ ...marker.of, code: REDRIVEN });
    expect(record.payload.length).toBe(0);
    expect(markerOf(record)).toEqual(marker);
  });

  it("is not guessed at where its reason is another", () => {
    const record = decodeDeadLetter(encodeMarker(marker));
    expect(() => markerOf({ ...record, reason: "written again" })).toThrow(/a mark that cannot be read/);
  });

  it("is no code of a refusal", () => {
    expect(LETTER_CODES.map(({ name }) => name)).not.toContain(REDRIVEN);
    for (const { name } of Object.values(VERIFY_CODES))
      expect(name === "ok" || LETTER_CODES.some((entry) => entry.name === name), name).toBe(true);
  });
});

describe("the judgement of a letter", () => {
  it("is that of an engine that starts now, also where compaction left an instrument before the assets it names", async () => {
    const contract = new ReferenceBatchWriter(1);
    contract.marginTable({ id: 1, model: MarginModel.Tiered });
    contract.marginTier({ table: 1, notionalFloor: 0, initialRate: 0.01, maintenanceRate: 0.004 });
    const terms = { kind: InstrumentKind.Perpetual, payoff: Payoff.Linear, base: 2, quote: 1, settle: 1, marginTable: 1 };
    contract.instrument({ id: 1, symbol: "BTCUSDT", ...terms, contractSize: 1, tickSize: "0.1", lotSize: "0.001" });
    const assets = new ReferenceBatchWriter(1);
    assets.asset({ id: 1, symbol: "USDT", usdPrice: 1 });
    assets.asset({ id: 2, symbol: "BTC", usdPrice: 60_000 });
    const records = [contract.finish(), assets.finish()];
    const reader = {
      ranges: async () => [{ partition: 0, from: 0, to: records.length }],
      read: async (topic: string, _: unknown, take: (message: LogMessage) => void) =>
        records.forEach((payload, offset) => {
          take({ topic, partition: 0, offset, key: null, payload, timestampMs: TIME_MS });
        }),
    };
    const judge = await Judge.open(reader as unknown as LogReader, "x.");
    const mark = new MarketBatchWriter(1);
    mark.mark({ instrument: 1, seq: 1, timeMs: TIME_MS, priceTicks: 600_000 });
    expect(judge.judge("market", mark.finish())).toBeNull();
  });
});

describe("what a message says", () => {
  const accounts = () => {
    const writer = new AccountBatchWriter(7, 1000);
    writer.transfer({ seq: 1, account: 42, timeMs: TIME_MS, asset: 1, amount: 1_000 });
    writer.fill({
      ...{ seq: 2, account: 42, timeMs: TIME_MS + 0.125, instrument: 3, side: 2, qtyLots: 5, priceTicks: 600_000, fee: -7 },
      flags: EventFlag.Maker | EventFlag.ShortLeg,
    });
    return writer.finish();
  };

  it("is read with names for kinds, sides, flags and times", () => {
    expect(readContents("accounts", accounts())).toMatchObject({
      producerId: 7,
      firstSequence: 1000,
      warning: "",
      vectors: [
        {
          name: "events",
          rows: [
            { kind: "Transfer", account: 42, seq: 1, timeNs: "2025-03-01T12:00:00.000Z", instrument: 1, amount: 1000, flags: 0 },
            { kind: "Fill", timeNs: "2025-03-01T12:00:00.000125000Z", side: "Sell", amount: -7, flags: "maker+short" },
          ],
        },
      ],
    });
  });

  it("of reference data has its texts", () => {
    const contents = readContents("reference", referenceMessage());
    if ("unreadable" in contents) throw new Error(contents.unreadable);
    const rows = Object.fromEntries(contents.vectors.map(({ name, rows }) => [name, rows]));
    expect(rows.assets[1]).toMatchObject({ id: 2, symbol: "BTC" });
    expect(rows.instruments[6]).toMatchObject({
      symbol: "BTC-26SEP25-60000-C",
      kind: "Option",
      optionType: "Call",
      premium: "Base",
    });
    expect(rows.accountGroups).toEqual([{ id: 1, name: "multi", collateral: "MultiAsset", hedgeMode: 0 }]);
    expect(rows.marginTiers[0].deduction).toBe("NaN");
  });

  it("with a wrong checksum is read with a warning, and left as it was", () => {
    const message = accounts();
    message[message.length - 60] ^= 1;
    const before = Buffer.from(message);
    expect(readContents("accounts", message)).toMatchObject({ warning: expect.stringContaining("checksum") });
    expect(message.equals(before)).toBe(true);
  });

  it("is not read where it is not whole: no truncation throws or makes numbers up", () => {
    const message = accounts();
    for (let length = 0; length < message.length; length++)
      expect(readContents("accounts", message.subarray(0, length)), String(length)).toHaveProperty("unreadable");
    expect(readContents("market", message)).toHaveProperty("unreadable");
  });

  it("of the market has a newest time", () => {
    const writer = new MarketBatchWriter(1);
    writer.mark({ instrument: 1, seq: 1, timeMs: TIME_MS, priceTicks: 1 });
    writer.indexPrice({ asset: 1, seq: 1, timeMs: TIME_MS + 5, price: 1 });
    expect(newestTimeMs(writer.finish())).toBe(TIME_MS + 5);
    expect(newestTimeMs(new MarketBatchWriter(1).finish())).toBe(0);
  });

  test.each([
    ["events[7].qtyLots is -5; it must be 1 to 2^53 - 1", { vector: "events", index: 7 }],
    [
      "events[1].instrument is 9; it must be an instrument that was published (event 12 of the message)",
      { vector: "events", index: 12 },
    ],
    ["the root offset does not lead to a table inside the message", null],
  ])("%s: which record that is", (reason, named) => {
    expect(namedIn(reason)).toEqual(named);
  });
});

it("a hex dump shows so many bytes and says how many more there are", () => {
  const text = hexDump(Buffer.from("PLAC and a little more of it"), 20);
  expect(text.split("\n")).toEqual([
    "  00000000  50 4c 41 43 20 61 6e 64  20 61 20 6c 69 74 74 6c  PLAC and a littl",
    "  00000010  65 20 6d 6f                                       e mo",
    "  … 8 more bytes: --hex 28, or --raw FILE",
  ]);
});
