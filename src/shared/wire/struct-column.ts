// A growing run of fixed-size structs that a batch writer fills. Memory is kept from batch to batch, and doubles when it is full:
// nothing is allocated per event.

const FIRST_CAPACITY = 64;

export class StructColumn {
  readonly structBytes: number;
  readonly structWords: number;
  count = 0;
  u8: Uint8Array;
  i32: Int32Array;
  f64: Float64Array;
  private capacity = FIRST_CAPACITY;

  /** @param structBytes a multiple of 8 */
  constructor(structBytes: number) {
    this.structBytes = structBytes;
    this.structWords = structBytes >> 2;
    const memory = new ArrayBuffer(FIRST_CAPACITY * structBytes);
    this.u8 = new Uint8Array(memory);
    this.i32 = new Int32Array(memory);
    this.f64 = new Float64Array(memory);
  }

  /** Adds a struct of zeros. @returns its first word: i32 index, = byte / 4 = f64 index · 2 */
  add(): number {
    if (this.count === this.capacity) this.grow();
    const word = this.count * this.structWords;
    this.count += 1;
    const i32 = this.i32;
    for (let at = word, end = word + this.structWords; at < end; at++) i32[at] = 0;
    return word;
  }

  clear(): void {
    this.count = 0;
  }

  private grow(): void {
    const memory = new ArrayBuffer(this.capacity * 2 * this.structBytes);
    const u8 = new Uint8Array(memory);
    u8.set(this.u8);
    this.capacity *= 2;
    this.u8 = u8;
    this.i32 = new Int32Array(memory);
    this.f64 = new Float64Array(memory);
  }
}
