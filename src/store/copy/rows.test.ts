import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { eachRow, fieldKey, measureRows, setLogId, splitRows } from "./row-reader";
import { POSTGRES_EPOCH_US, RowWriter } from "./row-writer";

/** The bytes of the last of `fields` fields of the only row. */
function encoded(write: (row: RowWriter) => void): Buffer {
  const row = new RowWriter(16);
  row.begin(1);
  write(row);
  row.end();
  return row.take().subarray(2);
}

const time = fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n });

describe("binary COPY rows", () => {
  it("hold integers, floats, texts and flags as the format says", () => {
    expect(encoded((row) => row.int2(-2))).toEqual(Buffer.from("00000002fffe", "hex"));
    expect(encoded((row) => row.int4(-2))).toEqual(Buffer.from("00000004fffffffe", "hex"));
    expect(encoded((row) => row.int8(-2))).toEqual(Buffer.from("00000008fffffffffffffffe", "hex"));
    expect(encoded((row) => row.float8(1))).toEqual(Buffer.from("000000083ff0000000000000", "hex"));
    expect(encoded((row) => row.bool(true))).toEqual(Buffer.from("0000000101", "hex"));
    expect(encoded((row) => row.text("é€"))).toEqual(Buffer.concat([Buffer.from([0, 0, 0, 5]), Buffer.from("é€")]));
    expect(encoded((row) => row.jsonb("{}"))).toEqual(Buffer.from("00000003017b7d", "hex"));
  });

  it("hold null for what does not exist, NaN and infinities among it", () => {
    const nothing = Buffer.from("ffffffff", "hex");
    for (const value of [null, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      expect(encoded((row) => row.float8(value))).toEqual(nothing);
    }
    for (const write of [
      (row: RowWriter) => row.text(null),
      (row: RowWriter) => row.timeMs(null),
      (row: RowWriter) => row.null(),
    ]) {
      expect(encoded(write)).toEqual(nothing);
    }
  });

  it("hold every 64-bit integer exactly", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        const halves = new Int32Array(new BigInt64Array([value]).buffer);
        const bytes = encoded((row) => row.int8Halves(halves[0]!, halves[1]!));
        expect(bytes.readBigInt64BE(4)).toBe(value);
        if (Number.isSafeInteger(Number(value))) expect(encoded((row) => row.int8(Number(value)))).toEqual(bytes);
      }),
      { verbose: 1 },
    );
  });

  it("hold times in ns rounded down to µs, for every i64 there is a date for", () => {
    fc.assert(
      fc.property(time, (ns) => {
        const halves = new Int32Array(new BigInt64Array([ns]).buffer);
        const bytes = encoded((row) => row.timeNs(halves[0]!, halves[1]!));
        const us = (ns - (((ns % 1000n) + 1000n) % 1000n)) / 1000n;
        expect(bytes.readBigInt64BE(4)).toBe(us - BigInt(POSTGRES_EPOCH_US));
      }),
      { verbose: 1 },
    );
  });

  it("refuse an integer a float64 does not hold exactly", () => {
    expect(() => encoded((row) => row.int8(2 ** 53))).toThrow("not an exact integer");
    expect(() => encoded((row) => row.int8(0.5))).toThrow("not an exact integer");
  });

  it("have as many fields as they began with, or are not there", () => {
    const row = new RowWriter(16);
    row.begin(2);
    row.int2(1);
    expect(() => row.end()).toThrow("1 fields to go");
    expect(row.byteLength).toBe(0);
    row.begin(1);
    row.int2(1);
    expect(() => row.int2(2)).toThrow("more fields");
  });

  it("outgrow the memory they began in", () => {
    const row = new RowWriter(16);
    const long = "x".repeat(100_000);
    for (let i = 0; i < 3; i++) {
      row.begin(2);
      row.int2(i);
      row.text(long);
      row.end();
    }
    const payload = row.take();
    expect(measureRows(payload)).toEqual({ rows: 3, fields: 2 });
    expect(row.rows).toBe(0);
  });
});

describe("reading them again", () => {
  const payload = (() => {
    const row = new RowWriter();
    for (let i = 0; i < 5; i++) {
      row.begin(3);
      row.int2(0);
      row.text(i % 2 === 0 ? "even" : null);
      row.int8(i);
      row.end();
    }
    return row.take();
  })();

  it("finds every row and field", () => {
    const keys: string[] = [];
    eachRow(payload, (span) => keys.push(fieldKey(payload, span, 1)));
    expect(keys).toEqual(["even", "", "even", "", "even"]);
  });

  it("writes the log's number into every row and nothing else", () => {
    const copy = Buffer.from(payload);
    setLogId(copy, 513);
    eachRow(copy, (span) => expect(fieldKey(copy, span, 0)).toBe("\u0002\u0001"));
    setLogId(copy, 0);
    expect(copy).toEqual(payload);
  });

  it("splits into halves that are the whole", () => {
    const [first, second] = splitRows(payload, 5);
    expect(Buffer.concat([first, second])).toEqual(payload);
    expect([measureRows(first).rows, measureRows(second).rows]).toEqual([3, 2]);
    const [one] = splitRows(second, 2);
    expect(splitRows(one, 1)).toEqual([one, Buffer.alloc(0)]);
  });

  it("refuses every truncation within a row, and rows of different widths", () => {
    const width = payload.length;
    const ends = new Set<number>();
    eachRow(payload, (span) => ends.add(span.end));
    for (let cut = 1; cut < width; cut++) {
      if (ends.has(cut)) continue;
      expect(() => measureRows(payload.subarray(0, cut)), `cut at ${cut}`).toThrow("not whole COPY rows");
    }
    const other = new RowWriter();
    other.begin(1);
    other.int2(1);
    other.end();
    expect(() => measureRows(Buffer.concat([payload, other.take()]))).toThrow("rows of 3 and of 1 fields");
  });
});
