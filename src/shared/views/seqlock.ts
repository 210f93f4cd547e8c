// Reading a row that its one writer may be changing: read, then make sure that nothing changed meanwhile.
//
//   writer                                     reader
//   seq += 1   read-modify-write: odd, open    before = seq     atomic load; odd: try again
//   the row's words, plain                     the row's words, plain
//   seq += 1   read-modify-write: even         after = seq += 0 read-modify-write; not `before`: try again
//
// Why an accepted row is whole, under the ECMAScript and the WebAssembly memory model, hence on every processor:
//   - `before` is what the writer's closing wrote, so all that it wrote before that is seen (release and acquire).
//   - The reader's second look writes the word too. The writer's next opening reads what it wrote, so the reader's plain reads
//     come before that opening, and before every word written after it (release and acquire again). An accepted read races with
//     nothing; one that raced finds another number, or an odd one, and is thrown away.
// With an atomic load as the second look the last step is missing: neither model keeps the plain reads before it. x86-64 does (loads
// stay in order), ARM64 does not (an acquire holds back what follows, not what precedes). The same holds for the writer's opening:
// an atomic store would let the row's words pass it on ARM64. A fence of its own would do instead, but JavaScript has none, and
// AssemblyScript's atomic.fence does not compile.
//
// test/model looks at every interleaving and reordering of this, test/threads runs it on real threads. Only x86-64 has been run on;
// ARM64 rests on the memory models and on test/model.
import { SEQLOCK_TRIES_MAX } from "../limits";

/** First look. Odd: the row is open. */
export function beginRead(words: Int32Array, index: number): number {
  return Atomics.load(words, index);
}

/** Second look, after the row was read: whether it is still what `beginRead` said. */
export function endRead(words: Int32Array, index: number, before: number): boolean {
  return Atomics.add(words, index, 0) === before;
}

/**
 * Runs `read` until the row was at rest from before until after it. Returns false after SEQLOCK_TRIES_MAX tries: the caller then
 * says STALE rather than wait on a busy writer. What `read` has gathered is of use only where this returns true.
 */
export function readConsistent(words: Int32Array, index: number, read: () => void): boolean {
  for (let tries = 0; tries < SEQLOCK_TRIES_MAX; tries++) {
    const before = beginRead(words, index);
    if ((before & 1) !== 0) continue;
    read();
    if (endRead(words, index, before)) return true;
  }
  return false;
}
