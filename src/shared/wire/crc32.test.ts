import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { crc32, crc32ByTable, messageChecksum } from "./crc32";

describe("CRC-32", () => {
  it("has the check value that its catalogues print", () => {
    expect(crc32(Buffer.from("123456789"))).toBe(0xcbf43926);
    expect(crc32ByTable(Buffer.from("123456789"))).toBe(0xcbf43926);
    expect(crc32ByTable(new Uint8Array(0))).toBe(0);
  });

  it("is the same with and without zlib", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => crc32ByTable(bytes) === crc32(bytes)));
  });

  it("of a message does not depend on the four bytes it is stored in, and leaves them as they were", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 12, maxLength: 100 }), fc.nat(8), (bytes, at) => {
        const before = Buffer.from(bytes);
        const zeroed = Buffer.from(bytes).fill(0, at, at + 4);
        expect(messageChecksum(bytes, at)).toBe(crc32(zeroed));
        expect(before.equals(bytes)).toBe(true);
      }),
    );
  });
});
