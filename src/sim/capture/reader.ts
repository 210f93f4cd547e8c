// Streaming reader of capture files: lines `<receive time, ns> <json as received>`, plain or gzip. One file is one recording,
// usually of one symbol. Reads a chunk, yields its events, reads on when the consumer asks for more: a slow consumer slows the
// disk, and memory stays at a few chunks.
import { createReadStream, type ReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { pipeline } from "node:stream";
import { createGunzip } from "node:zlib";
import type { CaptureEvent } from "../events";
import type { Instrument } from "../instruments";
import { CarefulLine } from "./careful-line";
import { CaptureContext } from "./context";
import { CaptureError } from "./error";
import { FastLine } from "./fast-line";

/** Bytes read and decompressed at a time: about a thousand lines, so a batch is a few milliseconds of work. */
const CHUNK_BYTES = 256 * 1024;
/** A depth snapshot of 5,000 levels a side is below 512 KiB; a "line" longer than this is not a capture. */
const MAX_LINE_BYTES = 4 * 1024 * 1024;

const NEWLINE = 0x0a;

export interface CaptureOptions {
  /** Instruments besides the built-in table (`INSTRUMENTS`); these win. */
  readonly instruments?: readonly Instrument[];
  /** Venue symbol of a depth snapshot that names none, where the lines before it do not tell. */
  readonly symbol?: string;
}

/** The events of some consecutive lines, in file order. */
export interface CaptureBatch {
  readonly events: readonly CaptureEvent[];
  /** Bytes of the file (as stored, so compressed where it is) read so far. */
  readonly bytesRead: number;
  readonly totalBytes: number;
  /** Lines read so far. */
  readonly lineCount: number;
}

/**
 * @example
 * const reader = await CaptureReader.open("usdm_btcusdt.gz");
 * for await (const { events } of reader) for (const event of events) …
 */
export class CaptureReader implements AsyncIterable<CaptureBatch> {
  private readonly context: CaptureContext;
  private readonly careful: CarefulLine;
  private readonly fast: FastLine;
  private readonly batches: AsyncGenerator<CaptureBatch, void, void>;
  private first: CaptureBatch | undefined;
  private lines = 0;

  private constructor(
    readonly file: string,
    /** Size of the file as stored. */
    readonly totalBytes: number,
    gzip: boolean,
    options: CaptureOptions,
  ) {
    this.context = new CaptureContext(file, options.instruments, options.symbol);
    this.careful = new CarefulLine(this.context);
    this.fast = new FastLine(this.context);
    this.batches = this.readBatches(gzip);
  }

  /**
   * Opens a capture and reads its first batch, so that `instruments` is known and a file that is no capture fails here.
   *
   * @throws CaptureError
   */
  static async open(file: string, options: CaptureOptions = {}): Promise<CaptureReader> {
    let size: number;
    let gzip: boolean;
    try {
      const handle = await open(file, "r");
      try {
        size = (await handle.stat()).size;
        const head = new Uint8Array(2);
        const { bytesRead } = await handle.read(head, 0, 2, 0);
        gzip = bytesRead === 2 && head[0] === 0x1f && head[1] === 0x8b;
      } finally {
        await handle.close();
      }
    } catch (cause) {
      throw new CaptureError("cannot-read", file, 0, (cause as Error).message);
    }
    const reader = new CaptureReader(file, size, gzip, options);
    const { value } = await reader.batches.next();
    if (value === undefined) throw new CaptureError("empty-file", file, 0, "there is no event in it");
    reader.first = value;
    return reader;
  }

  /** Instruments met so far, in the order of their first line; a one-symbol recording is known as soon as it is open. */
  get instruments(): readonly Instrument[] {
    return this.context.instruments;
  }

  /** Lines read so far. */
  get lineCount(): number {
    return this.lines;
  }

  /** Trades read but not delivered, because the venue marks them as no print of the public book. */
  get nonPrintCount(): number {
    return this.context.nonPrintCount;
  }

  /**
   * Batches of events to the end of the file; can be walked once. The events before a bad line are delivered before the
   * error is.
   *
   * @throws CaptureError
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<CaptureBatch, void, void> {
    try {
      const first = this.first;
      this.first = undefined;
      if (first !== undefined) yield first;
      for (;;) {
        const { value } = await this.batches.next();
        if (value === undefined) return;
        yield value;
      }
    } finally {
      await this.close();
    }
  }

  /** Stops reading and closes the file; a reader that was walked to its end is closed already. */
  async close(): Promise<void> {
    await this.batches.return();
  }

  private async *readBatches(gzip: boolean): AsyncGenerator<CaptureBatch, void, void> {
    const source = createReadStream(this.file, { highWaterMark: CHUNK_BYTES });
    const stream = gzip ? pipeline(source, createGunzip({ chunkSize: CHUNK_BYTES }), () => {}) : source;
    try {
      let rest: Buffer | undefined;
      for await (const read of stream as AsyncIterable<Buffer>) {
        const chunk: Buffer = rest === undefined ? read : Buffer.concat([rest, read]);
        const end = chunk.lastIndexOf(NEWLINE) + 1;
        if (chunk.length - end > MAX_LINE_BYTES) {
          throw new CaptureError("line-too-long", this.file, this.lines + 1, `no line end in ${MAX_LINE_BYTES} bytes`);
        }
        if (end > 0) yield* this.parse(chunk, end, source);
        rest = end < chunk.length ? chunk.subarray(end) : undefined;
      }
      // The last line may lack its line end; if it was torn, it is not complete JSON either.
      if (rest !== undefined) yield* this.parse(rest, rest.length, source);
    } catch (cause) {
      if (cause instanceof CaptureError) throw cause;
      const code = ((cause as NodeJS.ErrnoException).code ?? "").startsWith("Z_") ? "bad-gzip" : "cannot-read";
      throw new CaptureError(code, this.file, this.lines + 1, (cause as Error).message);
    } finally {
      stream.destroy();
      source.destroy();
    }
  }

  private *parse(chunk: Buffer, end: number, source: ReadStream): Generator<CaptureBatch, void, void> {
    const events: CaptureEvent[] = [];
    let failure: unknown;
    try {
      this.parseLines(chunk, end, events);
    } catch (cause) {
      failure = cause;
    }
    if (events.length > 0) {
      yield { events, bytesRead: source.bytesRead, totalBytes: this.totalBytes, lineCount: this.lines };
    }
    if (failure !== undefined) throw failure;
  }

  private parseLines(chunk: Buffer, end: number, events: CaptureEvent[]): void {
    for (let start = 0; start < end; ) {
      const newline = chunk.indexOf(NEWLINE, start);
      const stop = newline < 0 || newline > end ? end : newline;
      const event = this.fast.parse(chunk, start, stop) ?? this.careful.parse(chunk, start, stop, this.lines + 1);
      this.lines++;
      if (event !== null) events.push(event);
      start = stop + 1;
    }
  }
}
