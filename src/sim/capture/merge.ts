// Several recordings of one time, as one: by receive time, the only clock they share.
import type { CaptureEvent } from "../events";
import type { CaptureBatch, CaptureReader } from "./reader";

/** Events in a merged batch, at most. */
const MERGED_BATCH_EVENTS = 1024;

interface Head {
  readonly reader: CaptureReader;
  readonly batches: AsyncIterator<CaptureBatch>;
  events: readonly CaptureEvent[];
  next: number;
  bytesRead: number;
}

/** Merged events and how far all files together are. */
export interface MergedBatch {
  readonly events: readonly CaptureEvent[];
  readonly bytesRead: number;
  readonly totalBytes: number;
}

/**
 * Merges recordings by receive time; at equal times the earlier reader of the list comes first, and the order within one
 * recording is never changed.
 *
 * @throws CaptureError of whichever reader meets one; all are closed then
 */
export async function* mergeCaptures(readers: readonly CaptureReader[]): AsyncGenerator<MergedBatch, void, void> {
  const totalBytes = readers.reduce((sum, reader) => sum + reader.totalBytes, 0);
  let doneBytes = 0;
  const heads: Head[] = [];
  try {
    for (const reader of readers) {
      const head = { reader, batches: reader[Symbol.asyncIterator](), events: [], next: 0, bytesRead: 0 };
      if (await refill(head)) heads.push(head);
    }
    let events: CaptureEvent[] = [];
    while (heads.length > 0) {
      let first = 0;
      for (let i = 1; i < heads.length; i++) if (timeOf(heads[i]!) < timeOf(heads[first]!)) first = i;
      const head = heads[first]!;
      events.push(head.events[head.next++]!);
      if (head.next === head.events.length && !(await refill(head))) {
        heads.splice(first, 1);
        doneBytes += head.reader.totalBytes;
      }
      if (events.length === MERGED_BATCH_EVENTS || heads.length === 0) {
        yield { events, bytesRead: heads.reduce((sum, one) => sum + one.bytesRead, doneBytes), totalBytes };
        events = [];
      }
    }
  } finally {
    for (const reader of readers) await reader.close();
  }
}

function timeOf(head: Head): number {
  return head.events[head.next]!.recvUs;
}

async function refill(head: Head): Promise<boolean> {
  const { value, done } = await head.batches.next();
  if (done === true) return false;
  head.events = value.events;
  head.next = 0;
  head.bytesRead = value.bytesRead;
  return true;
}
