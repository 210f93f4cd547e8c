// Snapshots without threads and Kafka: a shard's ledger to bytes, to a file, and back; and files that are damaged in every way.
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { LedgerTwin } from "../../src/shards/ledger-twin";
import { SnapshotFolder } from "../../src/shards/snapshot/folder";
import { headerOf, readSnapshot } from "../../src/shards/snapshot/format";
import type { ShardImage } from "../../src/shards/snapshot/image";
import { restoreShardMemory } from "../../src/shards/snapshot/restore";
import { hashText, twinStateHash } from "../../src/shards/snapshot/state-hash";
import type { ShardWorkerAnswer } from "../../src/shards/worker";
import { DEFAULT_SHARD_CAPACITY } from "../../src/shared/shard-memory";
import { Prng } from "../../src/sim/prng";
import { referenceMessage } from "../support/contracts";
import { KernelHarness } from "../support/kernel-harness";
import { randomMessages } from "../support/random-messages";
import { decodeAccountEvents, decodeInstruments } from "../support/twin-events";

const KERNEL = "dist/kernel.wasm";
const LOG = "cluster/t.accounts";
const CAPACITY = { ...DEFAULT_SHARD_CAPACITY, accounts: 4096, balances: 16_384, positions: 65_536, orders: 65_536 };
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

const REST = { engine: "test", engineVersion: "0", log: LOG, outputs: { alerts: 3, liquidations: 1 }, createdMs: 1 };

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
        moves++;
      }
      expect(moves).toBeGreaterThan(4);
      expect(imageOf(harness).stateHash).toBe(hashText(twinStateHash(twin)));
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });
});
