import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { msOfNs, putBigInt64, putInt64, putTimeNs, readBigInt64, readInt64, readTimeMs } from "./int64";

describe("64-bit integers as halves", () => {
  it("are what BigInt writes", () => {
    const words = new Int32Array(4);
    const big = new BigInt64Array(words.buffer);
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        putInt64(words, 2, value);
        expect(big[1]).toBe(BigInt(value));
        expect(readInt64(words, 2)).toBe(value);
        expect(readBigInt64(words, 2)).toBe(BigInt(value));
      }),
    );
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        putBigInt64(words, 0, value);
        expect(big[0]).toBe(value);
        expect(readBigInt64(words, 0)).toBe(value);
      }),
    );
  });

  it("a time of whole microseconds comes back from ns as the ms it was, until 2109", () => {
    const words = new Int32Array(2);
    const big = new BigInt64Array(words.buffer);
    fc.assert(
      fc.property(fc.integer({ min: 946_684_800_000_000, max: 2 ** 42 * 1000 }), (us) => {
        putTimeNs(words, 0, us / 1000);
        expect(big[0]).toBe(BigInt(us) * 1000n);
        expect(readTimeMs(words, 0)).toBe(us / 1000);
        expect(msOfNs(Number(big[0]))).toBe(us / 1000);
        big[0] += 999n;
        expect(readTimeMs(words, 0)).toBe(us / 1000);
      }),
    );
  });
});
