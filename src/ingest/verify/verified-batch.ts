// What the verifier found out about a message: header fields, and where each vector lies. Made once, filled again and again.
import { VECTORS_MAX } from "../../shared/wire/batch-layout";

export class VerifiedBatch {
  /** 0 … 2^53 − 1, as is firstSequence. */
  producerId = Number.NaN;
  firstSequence = Number.NaN;
  schemaVersion = 0;
  /** All vectors together. */
  eventCount = 0;
  /** Byte offset from the start of the message of each vector's first struct, a multiple of 8; 0 where it is absent or empty. */
  readonly offsets = new Uint32Array(VECTORS_MAX);
  /** Structs in each vector; 0 where it is absent. By MarketVector, ReferenceVector; accounts and alerts have one. */
  readonly counts = new Uint32Array(VECTORS_MAX);

  clear(): void {
    this.producerId = Number.NaN;
    this.firstSequence = Number.NaN;
    this.schemaVersion = 0;
    this.eventCount = 0;
    for (let i = 0; i < VECTORS_MAX; i++) {
      this.offsets[i] = 0;
      this.counts[i] = 0;
    }
  }
}
