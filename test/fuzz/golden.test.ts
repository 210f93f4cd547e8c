import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  VerifiedBatch,
  VerifyCode,
  verifyAccounts,
  verifyAlerts,
  verifyMarket,
  verifyReference,
} from "../../src/ingest/verify/index";
import { decodeDeadLetter, decodeEngine } from "../../src/shared/wire/encode";
import { fromHex, GOLDEN, toHex } from "./golden";

const out = new VerifiedBatch();
const accepts: Record<string, (message: Uint8Array) => boolean> = {
  accounts: (message) => verifyAccounts(message, out) === VerifyCode.Ok,
  market: (message) => verifyMarket(message, out) === VerifyCode.Ok,
  reference: (message) => verifyReference(message, out) === VerifyCode.Ok,
  alerts: (message) => verifyAlerts(message, out) === VerifyCode.Ok,
  "dead-letter": (message) => reads(decodeDeadLetter, message),
  engines: (message) => reads(decodeEngine, message),
};

function reads(decode: (message: Uint8Array) => unknown, message: Uint8Array): boolean {
  try {
    decode(message);
    return true;
  } catch {
    return false;
  }
}

it("there is a golden message of every table in the schemas", () => {
  const folder = join(import.meta.dirname, "../../schemas");
  const tables = readdirSync(folder)
    .filter((name) => name.endsWith(".fbs"))
    .flatMap((name) => [...readFileSync(join(folder, name), "utf8").matchAll(/^table (\w+)/gm)].map(([, table]) => table));
  expect(tables.length).toBe(Object.keys(GOLDEN).length);
});

describe.each(Object.keys(GOLDEN))("the golden message of %s", (name) => {
  const file = join(import.meta.dirname, "golden", `${name}.hex`);
  const message = fromHex(readFileSync(file, "utf8"));

  it("is what the encoder writes today", () => {
    expect(toHex(GOLDEN[name]())).toBe(readFileSync(file, "utf8"));
  });

  it("is accepted at any address, and left as it was", () => {
    for (let shift = 0; shift < 8; shift++) {
      const memory = new Uint8Array(message.length + 8);
      const copy = memory.subarray(shift, shift + message.length);
      copy.set(message);
      expect(accepts[name](copy)).toBe(true);
      expect(message.equals(copy)).toBe(true);
    }
  });

  it("is refused in every other family", () => {
    for (const [other, accept] of Object.entries(accepts)) if (other !== name) expect(accept(message)).toBe(false);
  });

  it("is refused when cut short anywhere", () => {
    for (let length = 0; length < message.length; length++)
      expect([length, accepts[name](message.subarray(0, length))]).toEqual([length, false]);
  });

  it("is refused with any one bit changed", () => {
    const bad = Buffer.from(message);
    for (let bit = 0; bit < message.length * 8; bit++) {
      bad[bit >> 3] ^= 1 << (bit & 7);
      if (accepts[name](bad)) expect.fail(`bit ${bit & 7} of byte ${bit >> 3} may change unnoticed`);
      bad[bit >> 3] ^= 1 << (bit & 7);
    }
  });

  it("is refused with a byte more", () => {
    for (const byte of [0, 1, 255]) expect(accepts[name](Buffer.concat([message, Buffer.from([byte])]))).toBe(false);
  });
});
