// What docs/wire.md prints is true: its example, its checksum, and the message that its Python program writes.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as flatbuffers from "flatbuffers";
import { expect, it } from "vitest";
import { AccountBatch } from "../../schemas/generated/index";
import { VERIFY_CODES, VerifiedBatch, VerifyCode, verifyAccounts } from "../../src/ingest/verify/index";
import { crc32, crc32ByTable } from "../../src/shared/wire/crc32";
import { AccountBatchWriter } from "../../src/shared/wire/encode";
import { fromHex } from "./golden";

const page = readFileSync(join(import.meta.dirname, "../../docs/wire.md"), "utf8");
const out = new VerifiedBatch();

it("the example is what the encoder writes, and its checksum is computed as the page says", () => {
  const example = fromHex(/```hex\n([^`]+)```/.exec(page)![1]);
  const writer = new AccountBatchWriter(7, 1000);
  writer.transfer({ seq: 1, account: 42, timeMs: 1_718_000_000_000.125, asset: 1, amount: 1_000_000_000_000 });
  expect(writer.finish().toString("hex")).toBe(example.toString("hex"));
  expect(verifyAccounts(example, out)).toBe(VerifyCode.Ok);

  const zeroed = Buffer.from(example).fill(0, 28, 32);
  expect(example.readUInt32LE(28)).toBe(0x4abf8ecb);
  expect([crc32(zeroed), crc32ByTable(zeroed)]).toEqual([0x4abf8ecb, 0x4abf8ecb]);
  expect(page).toContain("checksum `0x4abf8ecb`");
});

it("every byte of the example's table is what stands there", () => {
  const example = fromHex(/```hex\n([^`]+)```/.exec(page)![1]);
  const rows = [...page.matchAll(/^\| (\d+) \| `([0-9a-f …]+)` \|/gm)];
  expect(rows.length).toBeGreaterThan(20);
  for (const [, at, bytes] of rows) {
    const expected = fromHex(bytes.replace("…", ""));
    expect(`${at}: ${example.subarray(Number(at), Number(at) + expected.length).toString("hex")}`).toBe(
      `${at}: ${expected.toString("hex")}`,
    );
  }
});

it("the message of the Python program is accepted, and reads as it was meant", () => {
  const message = fromHex(readFileSync(join(import.meta.dirname, "golden", "python-accounts.hex"), "utf8"));
  expect(verifyAccounts(message, out)).toBe(VerifyCode.Ok);
  expect([out.producerId, out.firstSequence, out.counts[0]]).toEqual([7, 1000, 2]);
  const batch = AccountBatch.getRootAsAccountBatch(new flatbuffers.ByteBuffer(message));
  const [transfer, fill] = [batch.events(0)!, batch.events(1)!];
  expect([transfer.seq(), transfer.amount(), transfer.kind(), transfer.instrument()]).toEqual([1n, 10n ** 12n, 2, 1]);
  expect([fill.seq(), fill.qtyLots(), fill.priceTicks(), fill.amount(), fill.order(), fill.side()]).toEqual([
    2n,
    1500n,
    610_001n,
    -12_345n,
    99n,
    2,
  ]);
});

it("the numbers of bytes it gives are those of the schemas", async () => {
  const generated = await import("../../schemas/generated/index");
  const rows = [...page.matchAll(/^\| (\w+) \| (\d+) \| (?:id|instrument|asset|table)/gm)];
  expect(rows.length).toBe(12);
  for (const [, name, bytes] of rows)
    expect([name, (generated as unknown as Record<string, { sizeOf(): number }>)[name].sizeOf()]).toEqual([name, Number(bytes)]);
});

it("the codes it names exist", () => {
  const names = Object.values(VERIFY_CODES).map((entry) => entry.name);
  for (const name of ["bad-schema-version", "crossed-quote"]) {
    expect(page).toContain(name);
    expect(names).toContain(name);
  }
});
