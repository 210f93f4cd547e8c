// A small machine with shared memory, and a search through everything that can happen on it.
//
// A thread is a set of labelled steps; a step is one access to memory, or a computation on the thread's own registers. Atomic
// accesses happen one after the other, in any order that the threads allow (they are sequentially consistent in ECMAScript and in
// WebAssembly). Plain accesses wait in a list of the thread until they are carried out, which may be in another order:
//
//   weak  what the two memory models, and an ARM64 machine, leave open. A plain access comes after the atomic load or
//         read-modify-write before it, and before the atomic store or read-modify-write after it; between those, and past an
//         atomic store before it or an atomic load after it, it moves freely. Two accesses to one word stay in order.
//   tso   x86-64 as V8 uses it: stores in order, loads in order, a load may pass earlier stores of its thread, and an atomic
//         store is an exchange, which waits for all of them.
//
// What the weak machine cannot show is a value out of thin air or a load that a branch on another load was guessed for; the
// programs here use what they loaded only behind `awaits`, so nothing of theirs depends on a guess.

export type MachineKind = "weak" | "tso";

/** Registers of a thread by name. A load that has not been carried out leaves NaN. */
export type Registers = Record<string, number>;

export type Action =
  | { do: "load"; at: number; to: string; then: string }
  | { do: "store"; at: number; value: number; then: string }
  | { do: "atomicLoad"; at: number; to: string; then: string }
  | { do: "atomicStore"; at: number; value: number; then: string }
  | { do: "atomicAdd"; at: number; by: number; to: string | null; then: string }
  | { do: "go"; set: Registers; then: string }
  | { do: "broken"; promise: string }
  | { do: "end" };

export const load = (at: number, to: string, then: string): Action => ({ do: "load", at, to, then });
export const store = (at: number, value: number, then: string): Action => ({ do: "store", at, value, then });
export const atomicLoad = (at: number, to: string, then: string): Action => ({ do: "atomicLoad", at, to, then });
export const atomicStore = (at: number, value: number, then: string): Action => ({ do: "atomicStore", at, value, then });
/** Read-modify-write; `to` gets what was there before. */
export const atomicAdd = (at: number, by: number, to: string | null, then: string): Action => ({
  do: "atomicAdd",
  at,
  by,
  to,
  then,
});
export const go = (then: string, set: Registers = {}): Action => ({ do: "go", set, then });
export const broken = (promise: string): Action => ({ do: "broken", promise });
export const end: Action = { do: "end" };

export interface Step {
  /** Waits for every load of the thread: the step looks at what they brought. */
  awaits: boolean;
  run(registers: Registers): Action;
}

type StepLike = Step | ((registers: Registers) => Action);

export const awaits = (run: (registers: Registers) => Action): Step => ({ awaits: true, run });

export interface Program {
  name: string;
  /** With their values at the start. */
  registers: Registers;
  /** By label; labels are named after the functions of the code that they stand for. */
  steps: Record<string, StepLike>;
  start: string;
}

export interface Model {
  machine: MachineKind;
  /** The words of the memory, at the start. */
  memory: number[];
  /** What each word is called in a trace. */
  names: string[];
  threads: Program[];
  /** What must hold when every thread has ended; null: it does. */
  atEnd?(memory: readonly number[], registers: Registers[]): string | null;
  /** Threads that end after a bounded number of steps, whatever the others do. Threads that may wait are not among them. */
  bounded?: string[];
  /** The threads run for ever: there is no end to reach. */
  endless?: boolean;
}

export interface Outcome {
  states: number;
  steps: number;
  /** The promise that was broken, and what happened before; null: none. */
  broken: { promise: string; trace: string[] } | null;
}

type Waiting = { kind: "load"; at: number; to: number } | { kind: "store" | "atomicStore"; at: number; value: number };

interface Thread {
  label: string;
  registers: number[];
  waiting: readonly Waiting[];
}

interface State {
  memory: readonly number[];
  threads: readonly Thread[];
}

/** Whether the entry at `index` may be carried out while those before it wait. */
function mayGo(machine: MachineKind, waiting: readonly Waiting[], index: number): boolean {
  const entry = waiting[index]!;
  for (let i = 0; i < index; i++) {
    const before = waiting[i]!;
    if (before.at === entry.at || entry.kind === "atomicStore") return false;
    if (machine === "tso" && !(entry.kind === "load" && before.kind === "store")) return false;
  }
  return true;
}

/** Whether the thread's next atomic access may happen now. */
function atomicMayGo(machine: MachineKind, waiting: readonly Waiting[], action: Action): boolean {
  if (action.do === "atomicAdd" || action.do === "atomicStore") return waiting.length === 0;
  const at = (action as { at: number }).at;
  return !waiting.some(
    (entry) => entry.kind === "atomicStore" || entry.at === at || (machine === "tso" && entry.kind === "load"),
  );
}

class Search {
  private readonly known = new Map<string, number>();
  private readonly states: State[] = [];
  private readonly parents: number[] = [];
  private readonly told: string[] = [];
  private readonly from: number[] = [];
  private readonly to: number[] = [];
  private readonly by: number[] = [];
  private readonly ends: number[] = [];
  private readonly registerNames: string[][];
  private broken: Outcome["broken"] = null;

  constructor(private readonly model: Model) {
    this.registerNames = model.threads.map(({ registers }) => Object.keys(registers));
  }

  run(statesMax: number): Outcome {
    const first: State = {
      memory: this.model.memory,
      threads: this.model.threads.map(({ start, registers }) => ({
        label: start,
        registers: Object.values(registers),
        waiting: [],
      })),
    };
    this.add(this.settled(first, -1, "start"), -1, -1, "");
    for (let i = 0; i < this.states.length && this.broken === null; i++) {
      if (this.states.length > statesMax) throw new Error(`more than ${statesMax} states`);
      this.expand(i);
    }
    if (this.broken === null) this.lookAtPaths();
    return { states: this.states.length, steps: this.from.length, broken: this.broken };
  }

  private action(thread: number, { label, registers, waiting }: Thread): Action | null {
    const step = this.model.threads[thread]!.steps[label];
    if (step === undefined) throw new Error(`${this.model.threads[thread]!.name}: no step ${label}`);
    if (typeof step !== "function" && step.awaits && waiting.some(({ kind }) => kind === "load")) return null;
    const named: Registers = {};
    for (const [i, name] of this.registerNames[thread]!.entries()) named[name] = registers[i]!;
    const action = typeof step === "function" ? step(named) : step.run(named);
    if (("at" in action && Number.isNaN(action.at)) || ("value" in action && Number.isNaN(action.value)))
      throw new Error(`${label} uses what was not loaded yet`);
    return action;
  }

  private register(thread: number, name: string): number {
    const index = this.registerNames[thread]!.indexOf(name);
    if (index < 0) throw new Error(`${this.model.threads[thread]!.name}: no register ${name}`);
    return index;
  }

  // Steps that nobody else can see, and whose effect the list of waiting accesses may still delay, are taken at once: the order
  // of such steps of different threads makes no difference.
  private settled(state: State, parent: number, text: string): State {
    const threads = state.threads.slice();
    for (let t = 0; t < threads.length; t++) {
      for (let steps = 0; ; steps++) {
        if (steps > 10_000) throw new Error(`${this.model.threads[t]!.name} never touches the memory again`);
        const thread = threads[t]!;
        const action = this.action(t, thread);
        if (action === null || action.do === "end") break;
        if (action.do === "broken") {
          this.tell(action.promise, parent, text);
          break;
        }
        const waits = action.do === "atomicLoad" || action.do === "atomicAdd";
        if (waits || (action.do === "atomicStore" && this.model.machine === "tso")) break;
        threads[t] = this.issue(t, thread, action);
      }
    }
    return { memory: state.memory, threads };
  }

  private issue(t: number, thread: Thread, action: Action): Thread {
    const registers = thread.registers.slice();
    let waiting = thread.waiting;
    if (action.do === "go") for (const [name, value] of Object.entries(action.set)) registers[this.register(t, name)] = value;
    else if (action.do === "load") {
      const to = this.register(t, action.to);
      // A plain word has one writer here, so what it wrote itself is what it reads.
      const own = waiting.findLast((entry) => entry.kind !== "load" && entry.at === action.at);
      registers[to] = own && own.kind !== "load" ? own.value : Number.NaN;
      if (!own) waiting = [...waiting, { kind: "load", at: action.at, to }];
    } else if (action.do === "store") waiting = [...waiting, { kind: "store", at: action.at, value: action.value }];
    else if (action.do === "atomicStore") waiting = [...waiting, { kind: "atomicStore", at: action.at, value: action.value }];
    return { label: (action as { then: string }).then, registers, waiting };
  }

  private expand(index: number): void {
    const state = this.states[index]!;
    let moved = false;
    for (let t = 0; t < state.threads.length && this.broken === null; t++) {
      const thread = state.threads[t]!;
      for (let i = 0; i < thread.waiting.length; i++) {
        if (!mayGo(this.model.machine, thread.waiting, i)) continue;
        moved = true;
        this.carryOut(index, t, i);
      }
      const action = this.action(t, thread);
      if (action === null || !action.do.startsWith("atomic")) continue;
      if (!atomicMayGo(this.model.machine, thread.waiting, action)) continue;
      moved = true;
      this.atomic(index, t, action);
    }
    if (moved || this.broken !== null) return;
    const stuck = state.threads.findIndex((thread, t) => this.action(t, thread)?.do !== "end");
    if (stuck >= 0) return this.tell(`${this.model.threads[stuck]!.name} is stuck`, index, "");
    this.ends.push(index);
    const wrong = this.model.atEnd?.(
      state.memory,
      state.threads.map(({ registers }, t) => Object.fromEntries(this.registerNames[t]!.map((name, i) => [name, registers[i]!]))),
    );
    if (wrong) this.tell(wrong, index, "");
  }

  private carryOut(index: number, t: number, i: number): void {
    const { memory, threads } = this.states[index]!;
    const thread = threads[t]!;
    const entry = thread.waiting[i]!;
    const waiting = thread.waiting.toSpliced(i, 1);
    const name = this.model.names[entry.at];
    const who = this.model.threads[t]!.name;
    if (entry.kind === "load") {
      const value = memory[entry.at]!;
      const next = { ...thread, registers: thread.registers.with(entry.to, value), waiting };
      this.add({ memory, threads: threads.with(t, next) }, index, t, `${who}: reads ${name} = ${value}`);
    } else {
      const text = `${who}: ${entry.kind === "store" ? "writes" : "atomically writes"} ${name} = ${entry.value}`;
      this.add({ memory: memory.with(entry.at, entry.value), threads: threads.with(t, { ...thread, waiting }) }, index, t, text);
    }
  }

  private atomic(index: number, t: number, action: Action): void {
    const { memory, threads } = this.states[index]!;
    const thread = threads[t]!;
    const who = `${this.model.threads[t]!.name}, ${thread.label}`;
    if (action.do === "atomicLoad" || action.do === "atomicAdd") {
      const before = memory[action.at]!;
      const after = action.do === "atomicAdd" ? (before + action.by) | 0 : before;
      const registers = action.to === null ? thread.registers : thread.registers.with(this.register(t, action.to), before);
      const next = { ...thread, label: action.then, registers };
      const what = action.do === "atomicAdd" ? ` and makes it ${after}` : "";
      const text = `${who}: atomically reads ${this.model.names[action.at]} = ${before}${what}`;
      this.add({ memory: memory.with(action.at, after), threads: threads.with(t, next) }, index, t, text);
    } else if (action.do === "atomicStore") {
      const next = { ...thread, label: action.then };
      const text = `${who}: atomically writes ${this.model.names[action.at]} = ${action.value}`;
      this.add({ memory: memory.with(action.at, action.value), threads: threads.with(t, next) }, index, t, text);
    }
  }

  private add(before: State, parent: number, thread: number, text: string): void {
    const state = this.settled(before, parent, text);
    let key = state.memory.join();
    for (const { label, registers, waiting } of state.threads) {
      key += `|${label}|${registers.join()}|`;
      for (const entry of waiting) key += `${entry.kind}${entry.at}=${entry.kind === "load" ? entry.to : entry.value};`;
    }
    let index = this.known.get(key);
    if (index === undefined) {
      index = this.states.length;
      this.known.set(key, index);
      this.states.push(state);
      this.parents.push(parent);
      this.told.push(text);
    }
    if (parent < 0) return;
    this.from.push(parent);
    this.to.push(index);
    this.by.push(thread);
  }

  private tell(promise: string, at: number, last: string): void {
    const trace = last === "" ? [] : [last];
    for (let i = at; i > 0; i = this.parents[i]!) trace.unshift(this.told[i]!);
    this.broken ??= { promise, trace };
  }

  private lookAtPaths(): void {
    if (!this.model.endless) {
      const wayBack = this.sortedEdges(this.to, this.from);
      const canEnd = new Uint8Array(this.states.length);
      const open = this.ends.slice();
      for (const i of open) canEnd[i] = 1;
      while (open.length > 0) {
        const i = open.pop()!;
        for (let e = wayBack.first[i]!; e < wayBack.first[i + 1]!; e++) {
          const before = wayBack.other[e]!;
          if (canEnd[before]) continue;
          canEnd[before] = 1;
          open.push(before);
        }
      }
      const never = canEnd.indexOf(0);
      if (never >= 0) return this.tell("somebody waits for ever", never, "");
    }
    for (const name of this.model.bounded ?? []) {
      const t = this.model.threads.findIndex((program) => program.name === name);
      const at = this.stepOnCycle(t);
      if (at >= 0) return this.tell(`${name} may go on for ever`, at, "");
    }
  }

  private sortedEdges(from: number[], to: number[]): { first: Int32Array; other: Int32Array } {
    const first = new Int32Array(this.states.length + 1);
    for (const i of from) first[i + 1]!++;
    for (let i = 0; i < this.states.length; i++) first[i + 1]! += first[i]!;
    const other = new Int32Array(from.length);
    const at = first.slice();
    for (const [e, i] of from.entries()) other[at[i]!++] = to[e]!;
    return { first, other };
  }

  // A state from which the thread takes a step that lies on a cycle; −1: there is none. Strongly connected components, Tarjan.
  private stepOnCycle(thread: number): number {
    const { first, other } = this.sortedEdges(this.from, this.to);
    const order = new Int32Array(this.states.length).fill(-1);
    const low = new Int32Array(this.states.length);
    const component = new Int32Array(this.states.length).fill(-1);
    const stack: number[] = [];
    const path: { at: number; edge: number }[] = [];
    let count = 0;
    let components = 0;
    const enter = (at: number) => {
      order[at] = low[at] = count++;
      stack.push(at);
      path.push({ at, edge: first[at]! });
    };
    enter(0);
    while (path.length > 0) {
      const top = path.at(-1)!;
      if (top.edge < first[top.at + 1]!) {
        const next = other[top.edge++]!;
        if (order[next]! < 0) enter(next);
        else if (component[next]! < 0) low[top.at] = Math.min(low[top.at]!, order[next]!);
        continue;
      }
      path.pop();
      const before = path.at(-1);
      if (before) low[before.at] = Math.min(low[before.at]!, low[top.at]!);
      if (low[top.at] !== order[top.at]) continue;
      for (;;) {
        const member = stack.pop()!;
        component[member] = components;
        if (member === top.at) break;
      }
      components++;
    }
    for (const [e, i] of this.from.entries()) if (this.by[e] === thread && component[i] === component[this.to[e]!]) return i;
    return -1;
  }
}

/** Looks at every state that the threads can bring about. */
export function explore(model: Model, statesMax = 5_000_000): Outcome {
  return new Search(model).run(statesMax);
}

/** The same programs one at a time, on a machine without any reordering: what a step does when nobody comes between. */
export class OneAtATime {
  readonly memory: number[];
  private readonly threads: { program: Program; label: string; registers: Registers }[];

  constructor(model: Model) {
    this.memory = model.memory.slice();
    this.threads = model.threads.map((program) => ({ program, label: program.start, registers: { ...program.registers } }));
  }

  /** Lets a thread run until it stands before one of these steps (again), or has ended. */
  run(name: string, until: readonly string[]): void {
    const thread = this.threads.find(({ program }) => program.name === name)!;
    do {
      const step = thread.program.steps[thread.label]!;
      const action = typeof step === "function" ? step(thread.registers) : step.run(thread.registers);
      if (action.do === "end") return;
      if (action.do === "broken") throw new Error(action.promise);
      if (action.do === "go") Object.assign(thread.registers, action.set);
      else if (action.do === "store" || action.do === "atomicStore") this.memory[action.at] = action.value;
      else {
        if (action.to !== null) thread.registers[action.to] = this.memory[action.at]!;
        if (action.do === "atomicAdd") this.memory[action.at] = (this.memory[action.at]! + action.by) | 0;
      }
      thread.label = action.then;
    } while (!until.includes(thread.label));
  }
}
