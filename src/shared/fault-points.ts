// Where the trials of test/recovery/ end the process, or a thread, to see what is left. Does nothing unless the environment
// variable PLIMSOLL_TEST_FAULT is set, which no engine that serves anybody has. It names a file; while there is one, it says
//
//   <point> <n> <kill | throw | exit | hang>
//
// and the n-th pass of that point after the file was seen removes it and is killed with SIGKILL (the whole process), throws,
// ends its thread, or never comes back.
import { readFileSync, unlinkSync } from "node:fs";

/** Every point, and where it lies. */
export const FAULT_POINTS = {
  "ring-publish": "ingest: the events of a message are in the ring, and not yet published",
  "ring-published": "ingest: they are published, and nothing else has happened",
  "shard-round": "a shard has applied some events",
  "snapshot-copied": "a shard's ledger is copied; its outputs are not known to be safe yet",
  "snapshot-half": "half of a snapshot is written",
  "snapshot-before-rename": "a snapshot is whole and synced under its temporary name",
  "snapshot-renamed": "a snapshot has its name; the folder is not synced and the manifest does not name it",
  "snapshot-counted": "the manifest names it; older ones are not deleted and the group's offset is not committed",
  "alert-sent": "alerts are given to Kafka's client; nobody knows whether they were delivered",
  "alert-delivered": "alerts are delivered; the database has not heard of them",
  "store-committed": "the database has committed a batch; the store has not taken note",
  "shard-restored": "recovery: a snapshot is in memory, the log after it is not read yet",
  "shard-recovering": "recovery: a part of the log after the snapshot is applied",
} as const;

export type FaultPoint = keyof typeof FAULT_POINTS;

const file = process.env.PLIMSOLL_TEST_FAULT;
let wanted: string[] | null = null;
let passes = 0;

/** Ends the process or the thread here, if that is asked for. */
export function faultPoint(point: FaultPoint): void {
  if (file !== undefined) pass(file, point);
}

function pass(path: string, point: FaultPoint): void {
  try {
    wanted ??= readFileSync(path, "utf8").trim().split(" ");
    if (wanted[0] !== point || ++passes < Number(wanted[1])) return;
    // One thread only gets it: the file can be removed once.
    unlinkSync(path);
  } catch {
    wanted = null;
    return;
  }
  const how = wanted[2];
  wanted = null;
  passes = 0;
  if (how === "throw") throw new Error(`fault at ${point}`);
  if (how === "exit") process.exit(3);
  if (how === "kill") process.kill(process.pid, "SIGKILL");
  // The signal takes a moment, and nothing may happen in it.
  for (;;);
}
