// The kernel's side of the rings: consumer of the input ring, producer of the fill and alert rings. See
// src/shared/layout/ring.ts for the drawing, the publication rule and why it suffices. Its own counter each side reads plainly: no
// other thread writes it.
import { RingAt } from "../../shared/layout/ring";

/** Records published and not yet consumed. */
export function readable(ring: usize): u32 {
  return atomic.load<u32>(ring, RingAt.published) - load<u32>(ring, RingAt.consumed);
}

/** Address of the record `ahead` places after the next one to read. */
export function readSlot(ring: usize, ahead: u32): usize {
  const index = (load<u32>(ring, RingAt.consumed) + ahead) & (load<u32>(ring, RingAt.recordCount) - 1);
  return <usize>load<u32>(ring, RingAt.dataOffset) + <usize>index * <usize>load<u32>(ring, RingAt.recordBytes);
}

export function release(ring: usize, records: u32): void {
  atomic.store<u32>(ring, load<u32>(ring, RingAt.consumed) + records, RingAt.consumed);
}

/** Free records. */
export function room(ring: usize): u32 {
  return load<u32>(ring, RingAt.recordCount) - (load<u32>(ring, RingAt.published) - atomic.load<u32>(ring, RingAt.consumed));
}

/** Address of the record `ahead` places after the next one to write; the caller has seen room. */
export function writeSlot(ring: usize, ahead: u32): usize {
  const index = (load<u32>(ring, RingAt.published) + ahead) & (load<u32>(ring, RingAt.recordCount) - 1);
  return <usize>load<u32>(ring, RingAt.dataOffset) + <usize>index * <usize>load<u32>(ring, RingAt.recordBytes);
}

export function publish(ring: usize, records: u32): void {
  atomic.store<u32>(ring, load<u32>(ring, RingAt.published) + records, RingAt.published);
}

export function countWait(ring: usize): void {
  store<u32>(ring, load<u32>(ring, RingAt.waits) + 1, RingAt.waits);
}
