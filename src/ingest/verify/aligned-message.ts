// A copy of one message in memory that begins at a multiple of 8, so that its structs can be read through typed arrays: the bytes of
// a Kafka message may begin anywhere. Made once; the views stay the same.
import { MESSAGE_BYTES_MAX } from "../../shared/limits";

export class AlignedMessage {
  readonly u8: Uint8Array;
  readonly i32: Int32Array;
  readonly f64: Float64Array;

  constructor() {
    const memory = new ArrayBuffer(MESSAGE_BYTES_MAX);
    this.u8 = new Uint8Array(memory);
    this.i32 = new Int32Array(memory);
    this.f64 = new Float64Array(memory);
  }

  /** @param payload verified: not longer than MESSAGE_BYTES_MAX */
  load(payload: Uint8Array): this {
    this.u8.set(payload);
    return this;
  }
}
