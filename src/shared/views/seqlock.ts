// Reading a row that its one writer may be changing: read, then make sure that nothing changed meanwhile.
import { SEQLOCK_TRIES_MAX } from "../limits";

/**
 * Runs `read` until the row was at rest from before until after it.
 *
 * The plain reads inside race with the writer by design; a result is used only when the word was even and is unchanged.
 * On x86-64 loads are not reordered with loads, so this is sound; JavaScript has no weaker-than-sequential fence, and
 * Atomics.load before and after is what keeps the compiler from moving the reads out. Returns false after
 * SEQLOCK_TRIES_MAX tries: the caller then says STALE rather than wait on a busy writer.
 */
export function readConsistent(words: Int32Array, index: number, read: () => void): boolean {
  for (let tries = 0; tries < SEQLOCK_TRIES_MAX; tries++) {
    const before = Atomics.load(words, index);
    if ((before & 1) !== 0) continue;
    read();
    if (Atomics.load(words, index) === before) return true;
  }
  return false;
}
