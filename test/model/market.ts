// The way of the market into a shard, step by step: MarketTable writes a row and says so (src/ingest/market-table.ts), AccountLane
// publishes records that rest on it (src/ingest/account-lane.ts), and the shard's worker copies what changed before it applies them
// (RunningShard.round of src/shards/worker.ts, src/shards/market-copy.ts). Version k of the row has k in each of its words; record k
// needs version k or a newer one.
import {
  type Action,
  atomicAdd,
  atomicLoad,
  atomicStore,
  awaits,
  broken,
  end,
  go,
  load,
  type MachineKind,
  type Model,
  type Program,
  type Registers,
  store,
} from "./machine";

/** Mistakes that one can make on this way. */
export type MarketFault =
  | "copies into the shard's row at once"
  | "copies without looking whether the row is at rest"
  | "looks a second time with an atomic load"
  | "forgets a row that it could not copy"
  | "notes a version that it did not copy"
  | "applies records though a row could not be copied"
  | "copies before it looks at the ring"
  | "says that the market moved before it wrote the row"
  | "says it after the record was published"
  | "tells a change by a plain sequence number behind the row";

export interface MarketCase {
  machine: MachineKind;
  /** Versions of the row, and records that rest on them. */
  versions: number;
  words: number;
  triesMax: number;
  /** Without records the ring's word orders nothing: the version words must do. */
  records: boolean;
  fault?: MarketFault;
}

const ROW_VERSION = 0;
const MARKET_VERSION = 1;
const PUBLISHED = 2;
const ROW = 3;

export function marketModel(market: MarketCase): Model {
  const names = ["row's version", "marketVersion", "ring's published"];
  for (let i = 0; i < market.words; i++) names.push(`row ${i}`);
  if (market.fault === "tells a change by a plain sequence number behind the row") names.push("sequence number");
  return {
    machine: market.machine,
    memory: names.map(() => 0),
    names,
    threads: [ingest(market), worker(market)],
    atEnd: (_, [, { version }]) => (version === market.versions ? null : "the shard ends with the newest version"),
  };
}

function ingest(market: MarketCase): Program {
  const { versions, words, records, fault } = market;
  const plain = fault === "tells a change by a plain sequence number behind the row";
  const saysFirst = fault === "says that the market moved before it wrote the row";
  const saysLast = fault === "says it after the record was published";
  const publish = (then: string) => atomicAdd(MARKET_VERSION, 1, null, then);
  return {
    name: "ingest",
    registers: { next: 1, word: 0 },
    start: "next message",
    steps: {
      "next message": (r) => (r.next! > versions ? end : saysFirst ? publish("beginRow") : go("beginRow")),
      beginRow: () => (plain ? go("mark") : atomicAdd(ROW_VERSION, 1, null, "mark")),
      // mark, quote and the like of MarketTable.
      mark: (r) => (r.word! < words ? store(ROW + r.word!, r.next!, "mark, next") : go("endRow")),
      "mark, next": (r) => go("mark", { word: r.word! + 1 }),
      endRow: (r) => {
        const then = saysFirst || saysLast ? "AccountLane.offer" : "MarketTable.publish";
        return plain ? store(ROW + words, r.next!, then) : atomicAdd(ROW_VERSION, 1, null, then);
      },
      "MarketTable.publish": () => publish("AccountLane.offer"),
      "AccountLane.offer": (r) => (records ? atomicStore(PUBLISHED, r.next!, "offered") : go("offered")),
      offered: () => (saysLast ? publish("done") : go("done")),
      done: (r) => go("next message", { next: r.next! + 1, word: 0 }),
    },
  };
}

function worker(market: MarketCase): Program {
  const { versions, words, triesMax, records, fault } = market;
  const plain = fault === "tells a change by a plain sequence number behind the row";
  const cells: string[] = [];
  for (let i = 0; i < words; i++) cells.push(`cell${i}`);
  // `copy0` … are the shard's own row: only this thread and its kernel know it. `version`: what the row is at, where it is whole.
  const registers: Registers = { visible: 0, seenMarket: -1, seenVersion: 0, before: 0, after: 0, tries: 0, i: 0, version: 0 };
  const forgotten: Registers = { before: 0, after: 0, tries: 0, i: 0 };
  for (const cell of cells) {
    registers[cell] = 0;
    registers[`copy ${cell}`] = 0;
    forgotten[cell] = 0;
  }
  const visible = (then: string) => atomicLoad(PUBLISHED, "visible", then);
  const looksLate = fault === "copies before it looks at the ring";
  const copied = (r: Registers): Registers => Object.fromEntries(cells.map((cell) => [`copy ${cell}`, r[cell]!]));
  const torn = (r: Registers): Registers => ({
    ...forgotten,
    seenMarket: fault === "forgets a row that it could not copy" ? r.seenMarket! : -1,
  });
  return {
    name: "worker",
    registers,
    start: "round",
    steps: {
      // round(): what is visible is looked at before the market is copied.
      round: () => (looksLate || !records ? go("copyMarket") : visible("copyMarket")),
      copyMarket: () => atomicLoad(MARKET_VERSION, "after", "moved"),
      moved: (r) => (r.after === r.seenMarket ? go("copied", forgotten) : go("copy", { ...forgotten, seenMarket: r.after! })),
      copy: () => (plain ? load(ROW + words, "before", "changed") : atomicLoad(ROW_VERSION, "before", "changed")),
      changed: awaits((r) =>
        r.before === r.seenVersion ? go("copied", forgotten) : go(plain ? "set" : "copyGuarded", { after: 0 }),
      ),
      // copyInstrument and copyGuarded of MarketCopy.
      copyGuarded: (r) => (r.tries! < triesMax ? atomicLoad(ROW_VERSION, "before", "beginRead") : go("could not copy", torn(r))),
      beginRead: (r) =>
        (r.before! & 1) !== 0 && fault !== "copies without looking whether the row is at rest"
          ? go("copyGuarded", { ...forgotten, tries: r.tries! + 1 })
          : go("set"),
      set: (r) => (r.i! < words ? load(ROW + r.i!, `cell${r.i}`, "set, next") : go("endRead")),
      "set, next": (r) => go("set", { i: r.i! + 1 }),
      endRead: (r): Action => {
        if (plain || fault === "copies without looking whether the row is at rest") return go("whole", { after: r.before! });
        if (fault === "looks a second time with an atomic load") return atomicLoad(ROW_VERSION, "after", "whole");
        return atomicAdd(ROW_VERSION, 0, "after", "whole");
      },
      whole: awaits((r) => {
        if (r.after !== r.before && fault !== "notes a version that it did not copy") {
          const into = fault === "copies into the shard's row at once" ? copied(r) : {};
          return go("copyGuarded", { ...forgotten, tries: r.tries! + 1, ...into });
        }
        return go("copied", { ...forgotten, ...copied(r), seenVersion: r.after! });
      }),
      // Without the row nothing is applied in this round; what was copied before is computed with.
      "could not copy": () =>
        fault === "applies records though a row could not be copied" ? go("copied") : go("revalue", { visible: 0 }),
      copied: () => (looksLate && records ? visible("drain") : go("drain")),
      // The kernel computes with the shard's row, be it for records (drain) or for the market's sake (revalue).
      drain: () => go("revalue"),
      revalue: (r) => {
        const row = cells.map((cell) => r[`copy ${cell}`]!);
        if (new Set(row).size > 1) return broken("the kernel's row is never torn");
        if (row[0]! < r.version!) return broken("the kernel's row never goes back");
        if (row[0]! < r.visible!) return broken("what a record rests on is there before it is applied");
        return go("rest", { version: row[0]! });
      },
      // It runs for ever; here it ends when nothing more can come to it.
      rest: (r) => (r.seenMarket === versions ? end : go("round")),
    },
  };
}
