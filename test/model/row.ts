// A row with one writer and many readers, step by step: an account's row as the kernel writes it (touched.ts, publish.ts, memory.ts)
// and src/shared/views reads it (seqlock.ts, shard-view.ts). A word of the row holds the number of the event or of the valuation that
// wrote it last, so that a reader who finds two numbers in what it accepted has a torn row.
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

/** Mistakes that one can make in writing or reading such a row. */
export type RowFault =
  | "never opens the row"
  | "never closes the row"
  | "opens the row with a plain store"
  | "opens the row with an atomic store"
  | "opens the row after its first word"
  | "closes the row with a plain store"
  | "closes the row before its last word"
  | "closes an open row by opening it again"
  | "counts versions in one bit"
  | "does not look a second time"
  | "looks a second time with a plain load"
  | "looks a second time with an atomic load"
  | "looks first with a plain load"
  | "takes rows that are open"
  | "takes only rows that are open"
  | "only makes sure that the row is closed"
  | "does not ask whether the row was valued"
  | "tries for ever";

/**
 * What the writer does, one after the other.
 *   event        opens the row, or finds it open, and changes the ledger: it stays open
 *   valuation    opens the row, or finds it open, writes what the ledger is worth, closes it
 *   settlement   opens the row, changes the ledger, says that its valuation is behind, closes it
 */
export type Deed = "event" | "valuation" | "settlement";

export interface RowCase {
  machine: MachineKind;
  deeds: Deed[];
  /** Words of the ledger and of its valuation, each. */
  words: number;
  readers: number;
  /** Accepted or given up, so many times. */
  reads: number;
  triesMax: number;
  /** ShardView.account and positions want ledger and valuation to belong together; ledger() takes a ledger that is ahead. */
  valued: boolean;
  /** The writer goes on for ever. */
  endless?: boolean;
  fault?: RowFault;
}

const SEQ = 0;
const TOUCHED = 1;
const LEDGER = 2;

export function rowModel(row: RowCase): Model {
  const names = ["seq", "flags: touched"];
  for (let i = 0; i < row.words; i++) names.push(`ledger ${i}`);
  for (let i = 0; i < row.words; i++) names.push(`valuation ${i}`);
  const readers = Array.from({ length: row.readers }, (_, i) => reader(row, `reader ${i + 1}`));
  return {
    machine: row.machine,
    memory: names.map(() => 0),
    names,
    threads: [writer(row), ...readers],
    bounded: readers.map(({ name }) => name),
    endless: row.endless ?? false,
    atEnd: (memory, [, ...registers]) => {
      if (row.fault !== "never closes the row" && (memory[SEQ]! & 1) !== (row.deeds.at(-1) === "event" ? 1 : 0))
        return "a row is open only between an event and its valuation";
      return row.deeds.length === 0 && registers.some(({ gaveUp }) => gaveUp !== 0) ? "a row at rest can be read" : null;
    },
  };
}

function writer(row: RowCase): Program {
  const { deeds, words, fault } = row;
  const valuation = LEDGER + words;
  const late = fault === "opens the row after its first word";
  // beginWrite of memory.ts.
  const beginWrite = (r: Registers, then: string): Action => {
    if (fault === "never opens the row") return go(then);
    if (fault === "opens the row with a plain store") return store(SEQ, r.seq! + 1, then);
    if (fault === "opens the row with an atomic store") return atomicStore(SEQ, r.seq! + 1, then);
    if (fault === "counts versions in one bit") return atomicStore(SEQ, 1, then);
    return atomicAdd(SEQ, 1, null, then);
  };
  // endWrite of memory.ts.
  const endWrite = (r: Registers, then: string): Action => {
    if (fault === "never closes the row") return go(then);
    if (fault === "closes the row with a plain store") return store(SEQ, r.seq! + 1, then);
    if (fault === "counts versions in one bit") return atomicStore(SEQ, 0, then);
    return atomicAdd(SEQ, fault === "never opens the row" ? 2 : 1, null, then);
  };
  const isOpen = (r: Registers) => fault !== "closes an open row by opening it again" && (r.seq! & 1) === 1;
  // Words of a section, one after the other; where a fault says so, the first before the row is opened or the last after it is closed.
  const from = late ? 1 : 0;
  const to = fault === "closes the row before its last word" ? words - 1 : words;
  return {
    name: "writer",
    // `seq` is what the writer knows of its own word: only it changes it.
    registers: { seq: 0, deed: 0, ledger: 0, word: 0 },
    start: "next deed",
    steps: {
      "next deed": (r) => {
        if (r.deed! >= deeds.length) return row.endless ? go("come round") : end;
        if (late) return store(deeds[r.deed!] === "valuation" ? valuation : LEDGER, mark(r), "open");
        return go("open");
      },
      // For ever: the numbers begin again, so that there are finitely many states.
      "come round": (r) => store(LEDGER + r.word!, 0, "come round, valuation"),
      "come round, valuation": (r) => store(valuation + r.word!, 0, "come round, next"),
      "come round, next": (r) =>
        r.word! + 1 < words ? go("come round", { word: r.word! + 1 }) : atomicStore(SEQ, 0, "come round, done"),
      "come round, done": () => go("next deed", { seq: 0, deed: 0, ledger: 0, word: 0 }),

      // openRow and openSettled of touched.ts, openForValuation of publish.ts: unless the event before left it open.
      open: (r) => (isOpen(r) ? go("opened") : beginWrite(r, "beginWrite")),
      beginWrite: (r) => go("opened", { seq: r.seq! + 1 }),
      opened: (r) => {
        if (deeds[r.deed!] === "valuation") return go("value", { word: from });
        // openRow says Touched at once, closeSettled at its end: between them nobody reads the row.
        return store(TOUCHED, 1, "touched");
      },
      touched: (r) => go("apply", { word: from, ledger: r.ledger! + 1 }),
      // applyEvent of ledger.ts.
      apply: (r) => (r.word! < to ? store(LEDGER + r.word!, r.ledger!, "apply, next") : go("applied")),
      "apply, next": (r) => go("apply", { word: r.word! + 1 }),
      applied: (r) => (deeds[r.deed!] === "event" && to === words ? go("deed done") : go("closeSettled")),
      closeSettled: (r) => (deeds[r.deed!] === "settlement" ? endWrite(r, "endWrite") : go("deed done")),
      // publishAccount of publish.ts.
      value: (r) => (r.word! < to ? store(valuation + r.word!, r.ledger!, "value, next") : store(TOUCHED, 0, "publishAccount")),
      "value, next": (r) => go("value", { word: r.word! + 1 }),
      publishAccount: (r) => endWrite(r, "endWrite"),
      endWrite: (r) => {
        const closed = { seq: fault === "never opens the row" ? r.seq! + 2 : r.seq! + 1 };
        if (to === words) return go("deed done", closed);
        return go(deeds[r.deed!] === "valuation" ? "last value" : "last word", closed);
      },
      "last value": (r) => store(valuation + words - 1, r.ledger!, "deed done"),
      "last word": (r) => store(LEDGER + words - 1, r.ledger!, "deed done"),
      "deed done": (r) => go("next deed", { deed: r.deed! + 1, word: 0 }),
    },
  };

  // What the deed at hand writes.
  function mark(r: Registers): number {
    return deeds[r.deed!] === "valuation" ? r.ledger! : r.ledger! + 1;
  }
}

function reader(row: RowCase, name: string): Program {
  const { words, reads, triesMax, valued, fault } = row;
  const cells: string[] = [];
  for (let i = 0; i < words * 2; i++) cells.push(`cell${i}`);
  const registers: Registers = { before: 0, after: 0, tries: 0, done: 0, i: 0, touched: 0, accepted: 0, gaveUp: 0 };
  for (const cell of cells) registers[cell] = 0;
  const again: Registers = { before: 0, after: 0, i: 0, touched: 0 };
  for (const cell of cells) again[cell] = 0;
  const tryAgain = (r: Registers) => go("try", { ...again, tries: fault === "tries for ever" ? 0 : r.tries! + 1 });
  const looksPlainly = fault === "looks a second time with a plain load";
  return {
    name,
    registers,
    start: "consistent",
    steps: {
      consistent: (r) => (r.done! < reads ? go("try", { ...again, tries: 0 }) : end),
      try: (r) => {
        if (r.tries! >= triesMax) return go("gives up");
        return fault === "looks first with a plain load"
          ? load(SEQ, "before", "read ahead")
          : atomicLoad(SEQ, "before", "beginRead");
      },
      // Behind a plain look a processor guesses that the row is closed, and reads ahead.
      "read ahead": () => go("read"),
      beginRead: (r) => {
        const isOpen = (r.before! & 1) !== 0;
        if (fault === "takes only rows that are open") return isOpen ? go("read") : tryAgain(r);
        return isOpen && fault !== "takes rows that are open" ? tryAgain(r) : go("read");
      },
      // read(row): the caller's function; the flag that says whether the row is valued is one word more.
      read: (r) => (r.i! < cells.length ? load(LEDGER + r.i!, `cell${r.i}`, "read, next") : load(TOUCHED, "touched", "endRead")),
      "read, next": (r) => go("read", { i: r.i! + 1 }),
      endRead: (r) => {
        if (fault === "does not look a second time") return go("accept", { after: r.before! });
        if (looksPlainly) return load(SEQ, "after", "accept");
        if (fault === "looks a second time with an atomic load") return atomicLoad(SEQ, "after", "accept");
        // A read-modify-write that changes nothing.
        return atomicAdd(SEQ, 0, "after", "accept");
      },
      accept: awaits((r) => {
        if (fault === "only makes sure that the row is closed" ? (r.after! & 1) !== 0 : r.after !== r.before) return tryAgain(r);
        if (fault === "looks first with a plain load" && (r.before! & 1) !== 0) return tryAgain(r);
        if (valued && r.touched !== 0 && fault !== "does not ask whether the row was valued") return tryAgain(r);
        if (row.endless) return go("consistent", { ...again, done: r.done! + 1, tries: 0 });
        const seen = cells.map((cell) => r[cell]!);
        const ledger = seen.slice(0, words);
        const worth = seen.slice(words);
        if (new Set(ledger).size > 1 || new Set(worth).size > 1) return broken("an accepted row is not torn");
        if (valued && ledger[0] !== worth[0]) return broken("an accepted row's valuation is that of its ledger");
        if (ledger[0]! < r.accepted!) return broken("a row does not go back to what it was");
        return go("consistent", { ...again, done: r.done! + 1, accepted: ledger[0]!, tries: 0 });
      }),
      "gives up": (r) => go("consistent", { ...again, done: r.done! + 1, tries: 0, gaveUp: 1 }),
    },
  };
}
