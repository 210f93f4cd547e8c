// Snapshots without threads and Kafka: a shard's ledger to bytes, to a file, and back; and files that are damaged in every way.
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { LedgerTwin, sortLedger } from "../../src/shards/ledger-twin";
import { SnapshotFolder } from "../../src/shards/snapshot/folder";
import { encodeHeader, headerOf, readSnapshot } from "../../src/shards/snapshot/format";
import type { ShardImage } from "../../src/shards/snapshot/image";
import { SnapshotLibrary } from "../../src/shards/snapshot/library";
import { restoreShardMemory } from "../../src/shards/snapshot/restore";
import { hashText, twinStateHash } from "../../src/shards/snapshot/state-hash";
import { RunningShard, type ShardWorkerAnswer } from "../../src/shards/worker";
import { AssetAt, InstrumentAt } from "../../src/shared/layout/market";
import { ControlAt } from "../../src/shared/layout/shard";
import { KERNEL_RESERVED_BYTES } from "../../src/shared/limits";
import { DEFAULT_SHARD_CAPACITY } from "../../src/shared/shard-memory";
import { AccountBatchWriter, EventFlag } from "../../src/shared/wire/encode";
import { Prng } from "../../src/sim/prng";
import { referenceMessage } from "../support/contracts";
import { KernelHarness } from "../support/kernel-harness";
import { randomMessages } from "../support/random-messages";
import { decodeAccountEvents, decodeInstruments } from "../support/twin-events";

const KERNEL = "dist/kernel.wasm";
const LOG = "cluster/t.accounts";
const TIME_MS = Date.UTC(2025, 5, 1);
const CAPACITY = {
  ...DEFAULT_SHARD_CAPACITY,
  accounts: 4096,
  balances: 16_384,
  positions: 65_536,
  orders: 65_536,
};
const seed = Number(process.env.SEED ?? 20_250_601);

beforeAll(() => {
  if (!existsSync(KERNEL)) throw new Error("dist/kernel.wasm is missing: run `npm run build` first");
});

function twinOf(reference: Buffer) {
  return new LedgerTwin(new Map(decodeInstruments(reference).map((instrument) => [instrument.id, instrument])));
}

function feed(harness: KernelHarness, message: Buffer): void {
  while (harness.accounts(message) === "full") harness.settle();
  harness.settle();
  harness.drainFills();
}

/** The ledger as a snapshot has it, through the worker's own rounds. */
function imageOf(harness: KernelHarness): ShardImage {
  let image: ShardImage | null = null;
  harness.said = (answer: ShardWorkerAnswer) => {
    if (answer.type === "snapshot") image = answer.image;
  };
  harness.shard.wantImage();
  harness.settle();
  if (image === null) throw new Error("the shard gave no image");
  return image;
}

const REST = {
  engine: "test",
  engineVersion: "0",
  log: LOG,
  outputs: { alerts: 3, liquidations: 1 },
  createdMs: 1,
};

describe("a shard's ledger", () => {
  it(`goes into a snapshot and comes back the same, to the bit, and goes on from there (seed ${seed})`, async () => {
    const dir = await mkdtemp(join(tmpdir(), "plimsoll-snapshot-"));
    try {
      const reference = referenceMessage();
      const twin = twinOf(reference);
      const harness = new KernelHarness(KERNEL, CAPACITY);
      harness.reference.take(reference);
      const folder = new SnapshotFolder(dir, LOG, 0);
      const prng = Prng.seeded(seed, 5);
      let moves = 0;
      for (const message of randomMessages(seed, 30_000, 500)) {
        for (const event of decodeAccountEvents(message)) twin.apply(event);
        feed(harness, message);
        if (prng.below(60) !== 0) continue;
        const image = imageOf(harness);
        expect(image.stateHash).toBe(hashText(twinStateHash(twin)));
        const entry = await folder.write(headerOf(image, REST), new Uint8Array(image.body), "a");
        const snapshot = await readSnapshot(await readFile(folder.file(entry)), { log: LOG, partition: 0 });
        // Another capacity each time: hashes and pools of another size.
        const accounts = 1024 << prng.below(4);
        const memory = restoreShardMemory(
          snapshot,
          { ...CAPACITY, accounts, orders: 8192 << prng.below(4) },
          { recordFills: true },
        );
        harness.moveTo(memory, snapshot.header.stateHash);
        // And what the hash leaves out: the sums of open orders.
        for (const id of twin.accounts.keys())
          expect(sortLedger(harness.view.ledger(harness.view.find(String(id)))!)).toEqual(twin.view(id));
        moves++;
      }
      expect(moves).toBeGreaterThan(4);
      expect(imageOf(harness).stateHash).toBe(hashText(twinStateHash(twin)));
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });

  it("keeps leverage, open orders and isolated margins of every position, and which rows of terms are free", async () => {
    const reference = referenceMessage();
    const twin = twinOf(reference);
    const harness = new KernelHarness(KERNEL, CAPACITY);
    harness.reference.take(reference);
    const writer = new AccountBatchWriter(1);
    const take = () => {
      const message = writer.finish();
      for (const event of decodeAccountEvents(message)) twin.apply(event);
      feed(harness, message);
    };
    const restart = async () => {
      const image = imageOf(harness);
      const bytes = Buffer.concat([encodeHeader(headerOf(image, REST)), new Uint8Array(image.body)]);
      const snapshot = await readSnapshot(bytes, { log: LOG, partition: 0 });
      harness.moveTo(restoreShardMemory(snapshot, CAPACITY, { recordFills: true }), snapshot.header.stateHash);
    };
    const expectAsTwin = (what: string) => {
      for (const id of twin.accounts.keys())
        expect(sortLedger(harness.view.ledger(harness.view.find(String(id)))!), what).toEqual(twin.view(id));
    };
    // Instrument 5 expires.
    const [perpetual, future] = [1, 5];
    const seqs = new Map<number, number>();
    const on = (account: number, instrument: number, flags = 0) => {
      seqs.set(account, (seqs.get(account) ?? 0) + 1);
      return { account, seq: seqs.get(account)!, timeMs: TIME_MS, instrument, flags };
    };
    const order = (account: number, instrument: number, side: 1 | 2, flags = 0) =>
      writer.orderPlaced({
        ...on(account, instrument, flags),
        side,
        order: account * 10 + side,
        qtyLots: 10 * account,
        priceTicks: 600_000,
      });
    const use = (account: number, instrument: number) => {
      writer.isolatedTransfer({ ...on(account, instrument, EventFlag.Isolated), amount: account * 1e8 });
      writer.positionSettings({ ...on(account, instrument, EventFlag.Isolated), leverageE8: account * 1e8 });
      order(account, instrument, 1, EventFlag.Isolated);
      order(account, instrument, 2);
    };
    for (let account = 1; account <= 9; account++) {
      writer.fill({ ...on(account, 2), side: 1, qtyLots: 3, priceTicks: 250_000 });
      use(account, account % 3 === 0 ? perpetual : future);
    }
    take();
    await restart();
    expectAsTwin("settings and orders");
    writer.expirySettlement({ seq: 1, timeMs: TIME_MS, instrument: future, priceTicks: 610_000 });
    take();
    await restart();
    expectAsTwin("after expiry");
    for (let account = 1; account <= 9; account++) use(account, perpetual);
    take();
    expectAsTwin("in rows that were free");
    // Two positions of each account have terms, and the row of zeros is nobody's.
    const words = new Uint32Array(harness.memory);
    expect(words[(KERNEL_RESERVED_BYTES + ControlAt.positionTermsCount) / 4]).toBe(1 + 2 * 9);
    // Cancelled by what came back: each order found in its position.
    for (const account of seqs.keys())
      for (const side of [1, 2]) writer.orderCancelled({ ...on(account, perpetual), order: account * 10 + side });
    await restart();
    take();
    expectAsTwin("without orders");
    expect(imageOf(harness).stateHash).toBe(hashText(twinStateHash(twin)));
    expect(harness.view.status().rejected).toBe(0);
  });
});

/** Three snapshots of one shard as it went on, in a folder of their own. */
async function threeSnapshots() {
  const dir = await mkdtemp(join(tmpdir(), "plimsoll-snapshot-"));
  const reference = referenceMessage();
  const harness = new KernelHarness(KERNEL, CAPACITY);
  harness.reference.take(reference);
  const folder = new SnapshotFolder(dir, LOG, 0);
  const offsets: number[] = [];
  let messages = 0;
  for (const message of randomMessages(seed, 6000, 100)) {
    feed(harness, message);
    if (++messages % 35 !== 0) continue;
    const image = imageOf(harness);
    await folder.write(headerOf(image, REST), new Uint8Array(image.body), "a");
    offsets.unshift(image.nextOffset);
  }
  const said: string[] = [];
  const library = () =>
    new SnapshotLibrary({
      dirs: [dir],
      log: LOG,
      writer: "a",
      say: (line) => said.push(line),
    });
  /** As an engine looks for the newest that can be used. */
  const newest = async () => {
    const shelf = library();
    for (const candidate of await shelf.candidates(0)) {
      const snapshot = await shelf.read(candidate);
      if (snapshot !== null) return snapshot.header.nextOffset;
    }
    return null;
  };
  const names = async () => (await readdir(join(dir, "cluster_t.accounts", "p0"))).sort();
  return { dir, harness, folder, offsets, said, library, newest, names };
}

describe("snapshots on disk", () => {
  it("are three; older ones go", async () => {
    const { dir, offsets, newest, names } = await threeSnapshots();
    try {
      expect(offsets.length).toBeGreaterThan(3);
      const kept = offsets.slice(0, 3).map((offset) => `${String(offset).padStart(20, "0")}.snap`);
      expect(await names()).toEqual([...kept.reverse(), "manifest.json"]);
      expect(await newest()).toBe(offsets[0]);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });

  it("are not used when any of their bytes is another, or missing, or one too many: the one before is, and it is said", async () => {
    const { dir, folder, offsets, said, newest } = await threeSnapshots();
    try {
      const [first] = await folder.list(() => undefined);
      const file = folder.file(first);
      const good = await readFile(file);
      const { header } = await readSnapshot(good, { log: LOG, partition: 0 });
      const bodyAt = good.length - header.sections.reduce((sum, section) => sum + section.bytes, 0);
      // Every byte before the body, then the first, middle and last byte of each section, and a byte in every 4 KiB.
      const places = new Set(Array.from({ length: bodyAt }, (_, at) => at));
      let at = bodyAt;
      for (const { bytes } of header.sections) {
        if (bytes === 0) continue;
        for (const place of [at, at + (bytes >> 1), at + bytes - 1]) places.add(place);
        at += bytes;
      }
      expect(at).toBe(good.length);
      for (let place = bodyAt; place < good.length; place += 4096) places.add(place);
      const prng = Prng.seeded(seed, 6);
      const cases: [string, Buffer][] = [...places].map((place) => {
        const bad = Buffer.from(good);
        bad[place] ^= 1 << prng.below(8);
        return [`byte ${place}`, bad];
      });
      for (const length of [0, 7, 16, bodyAt, good.length >> 1, good.length - 1])
        cases.push([`cut at ${length}`, good.subarray(0, length)]);
      cases.push(["one byte more", Buffer.concat([good, Buffer.alloc(1)])]);
      for (const [what, bytes] of cases) {
        await writeFile(file, bytes);
        said.length = 0;
        expect(await newest(), what).toBe(offsets[1]);
        expect(said.length, what).toBe(1);
        expect(said[0], what).toContain("is not used");
        // Set aside, not deleted.
        await rm(`${file}.damaged`);
      }
      console.log(`${cases.length} kinds of damage to a snapshot of ${good.length} bytes: each seen, the one before used`);
      await writeFile(file, good);
      expect(await newest()).toBe(offsets[0]);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });

  it("with the last two damaged the third is used; with all three none", async () => {
    const { dir, folder, offsets, newest } = await threeSnapshots();
    try {
      const entries = await folder.list(() => undefined);
      const damage = async (i: number) => {
        const file = folder.file(entries[i]);
        const bytes = await readFile(file).catch(() => readFile(`${file}.damaged`));
        bytes[bytes.length - 1] ^= 1;
        await writeFile(file, bytes);
      };
      await damage(0);
      await damage(1);
      expect(await newest()).toBe(offsets[2]);
      await damage(2);
      expect(await newest()).toBe(null);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });

  it("count when the manifest names them; a damaged manifest is no reason to lose them", async () => {
    const { dir, folder, offsets, said, newest, names } = await threeSnapshots();
    try {
      const manifest = join(dir, "cluster_t.accounts", "p0", "manifest.json");
      const good = await readFile(manifest, "utf8");
      // One that was renamed and never counted: a crash came before the manifest.
      const [entry] = await folder.list(() => undefined);
      const orphan = folder.file(entry).replace(/\d{20}/, "00000000000099999999");
      await writeFile(orphan, await readFile(folder.file(entry)));
      expect(await newest()).toBe(offsets[0]);
      await rm(orphan);
      for (const bad of ["", good.slice(0, -9), good.replace(/"nextOffset": \d/, '"nextOffset": 9')]) {
        await writeFile(manifest, bad);
        said.length = 0;
        expect(await newest()).toBe(offsets[0]);
        expect(said.join()).toContain("manifest.json is damaged");
      }
      expect(await names()).toContain("manifest.json");
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });

  it("of another log, another partition or another layout are not used, and stay where they are", async () => {
    const { dir, harness, folder } = await threeSnapshots();
    try {
      const image = imageOf(harness);
      for (const [other, why] of [
        [{ log: "elsewhere/t.accounts" }, "of the log elsewhere"],
        [{ partition: 3 }, "of partition 3"],
        [{ layoutVersion: 1 }, "layout is version 1"],
      ] as const) {
        const header = { ...headerOf(image, REST), ...other };
        const bytes = Buffer.concat([encodeHeader(header), new Uint8Array(image.body)]);
        await expect(readSnapshot(bytes, { log: LOG, partition: 0 })).rejects.toMatchObject({ damaged: false });
        await expect(readSnapshot(bytes, { log: LOG, partition: 0 })).rejects.toThrow(why);
      }
      expect((await folder.list(() => undefined)).length).toBe(3);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });

  it("whose bytes are whole but whose ledger is another are refused by the shard: the state hash differs", async () => {
    const { dir, harness, folder } = await threeSnapshots();
    try {
      const [entry] = await folder.list(() => undefined);
      const snapshot = await readSnapshot(await readFile(folder.file(entry)), {
        log: LOG,
        partition: 0,
      });
      const memory = () => restoreShardMemory(snapshot, CAPACITY, { recordFills: true });
      const module = new WebAssembly.Module(await readFile(KERNEL));
      const { stateHash } = snapshot.header;
      const run = (hash: string) =>
        new RunningShard(memory(), module, harness.table.memory, {
          restored: hash,
        });
      expect(() => run(stateHash)).not.toThrow();
      // A unit more in one wallet.
      snapshot.section("balances").writeBigInt64LE(snapshot.section("balances").readBigInt64LE(8) + 1n, 8);
      expect(() => run(stateHash)).toThrow(/state hash of the ledger is [0-9a-f]{16} and should be/);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });
});

describe("contracts", () => {
  it("a ledger is not taken up where an instrument or asset has become another one, and one that is gone comes back", async () => {
    const { dir, folder } = await threeSnapshots();
    try {
      const [entry] = await folder.list(() => undefined);
      const snapshot = await readSnapshot(await readFile(folder.file(entry)), {
        log: LOG,
        partition: 0,
      });
      const rows = snapshot.section("instruments");
      const same = new KernelHarness(KERNEL, CAPACITY);
      same.reference.take(referenceMessage());
      const empty = new KernelHarness(KERNEL, CAPACITY);
      for (let at = 0; at < snapshot.section("assets").length; at += AssetAt.bytes)
        expect(empty.table.adoptAsset(snapshot.section("assets").subarray(at, at + AssetAt.bytes))).toBeNull();
      // At the price it had: one that is worth nothing would make its holders bankrupt.
      for (const { symbol, usdPrice } of same.marketView.assets())
        expect(empty.marketView.assets().find((each) => each.symbol === symbol)?.usdPrice).toBe(usdPrice);
      for (let at = 0; at < rows.length; at += InstrumentAt.bytes) {
        const row = Buffer.from(rows.subarray(at, at + InstrumentAt.bytes));
        expect(same.table.adoptInstrument(row)).toBeNull();
        expect(empty.table.adoptInstrument(row)).toBeNull();
        const symbol = row.toString("latin1", InstrumentAt.symbol, InstrumentAt.symbol + 40).replace(/\0+$/, "");
        expect(empty.marketView.instrumentBySymbol(symbol)?.tickSize).toBe(same.marketView.instrumentBySymbol(symbol)?.tickSize);
        row.writeBigInt64LE(row.readBigInt64LE(InstrumentAt.valueNum) + 1n, InstrumentAt.valueNum);
        expect(same.table.adoptInstrument(row)).toContain(symbol);
      }
      const asset = Buffer.from(snapshot.section("assets").subarray(0, AssetAt.bytes));
      asset.write("XYZ", AssetAt.symbol, "latin1");
      expect(same.table.adoptAsset(asset)).toContain("XYZ");
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });
});
