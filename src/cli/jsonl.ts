// JSON lines in, JSON lines out: the machinery under `plimsoll option` and `plimsoll eval`.
//
// One line in is one line out, in order; blank lines are skipped. A line that cannot be evaluated answers
// {"error":{"code","field","message"}} in its place and the stream goes on. Input is taken in whatever chunks it comes,
// split on bytes, decoded many lines at a time; output is collected and written in large pieces, waiting for the reader
// when it is slow. Every answer whose line has come is written before the next chunk of input is awaited, so an
// interactive user is answered at once. When the reader goes away (EPIPE, as after `| head`) the work ends quietly.
//
// An `id` comes back as it was written: one that a double cannot hold (a 64-bit integer, a long decimal) is copied, not printed.
// NaN and Infinity are no JSON, but many encoders write them (Python's does): the error then names the field they stand in.

import { isUtf8 } from "node:buffer";
import { createReadStream } from "node:fs";
import type { Readable, Writable } from "node:stream";
import { FieldError } from "../risk/validate";

/** A longer line is answered with an error and skipped: it bounds the memory one line can take. */
export const MAX_LINE_BYTES = 64 * 1024 * 1024;

/** A file is read in pieces of this size: large enough that a system call costs nothing beside the lines in it. */
const FILE_CHUNK_BYTES = 1024 * 1024;

/** Answers are written when this many UTF-16 units have gathered, or when the input pauses. */
const WRITE_CHARS = 128 * 1024;

const LF = 0x0a;
const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const UPPER_I = 0x49;
const UPPER_N = 0x4e;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const EMPTY = Buffer.alloc(0);

/** Stands for what JSON cannot carry through: a noncharacter of Unicode, which no text holds. */
const STAND_IN = "\uffff";
const STAND_IN_ID = `{"id":${JSON.stringify(STAND_IN)}`;

/**
 * Answers one parsed line. What it throws becomes the line's error: FieldError as it is, anything else as `internal`. An `id` that it
 * echoes must be the answer's first field; it may be a stand-in for one that JSON.parse cannot hold.
 */
export type Evaluate = (value: unknown) => object;

export interface JsonLinesResult {
  /** lines answered, errors included, blank lines not */
  readonly lines: number;
  /** lines answered with an error; above 0 the command's exit status is 1 */
  readonly failed: number;
  /** the reader of the output went away before the end */
  readonly brokenPipe: boolean;
}

/**
 * Runs `evaluate` over every line of `input`.
 *
 * @param input  bytes, UTF-8; destroyed when the output breaks
 * @param output not ended: it may be process.stdout
 * @returns after the last answer was handed to the operating system
 * @throws whatever the streams fail with, except a reader who went away
 */
export async function runJsonLines(
  input: Readable,
  output: Writable,
  evaluate: Evaluate,
  maxLineBytes: number = MAX_LINE_BYTES,
): Promise<JsonLinesResult> {
  const writer = new ChunkWriter(output, () => input.destroy());
  let lines = 0;
  let failed = 0;

  let isFirst = true;
  const answer = (text: string): void => {
    // A byte order mark is an artefact of the file, not part of its first value.
    const line = isFirst && text.startsWith("\ufeff") ? text.slice(1) : text;
    isFirst = false;
    if (isBlank(line)) return;
    // A line that came whole in one chunk has not been measured yet. UTF-8 takes at most 3 bytes for a UTF-16 unit.
    if (line.length * 3 > maxLineBytes && Buffer.byteLength(line) > maxLineBytes) {
      refuseLong();
      return;
    }
    lines += 1;
    const result = answerLine(line, evaluate);
    if (result.failed) failed += 1;
    writer.add(result.text);
  };
  const refuse = (code: string, message: string): void => {
    lines += 1;
    failed += 1;
    writer.add(errorText(new FieldError(code, "", message)));
  };
  const refuseLong = (): void => refuse("line-too-long", `the line is longer than ${maxLineBytes} bytes`);
  // `bytes` holds whole lines. Valid text is decoded at once; otherwise each line is judged alone.
  const answerAll = async (bytes: Buffer): Promise<void> => {
    if (isUtf8(bytes)) {
      for (const line of bytes.toString("utf8").split("\n")) {
        answer(line);
        if (writer.isFull) await writer.flush();
        if (writer.isBroken) return;
      }
      return;
    }
    for (let from = 0; from < bytes.length; ) {
      const found = bytes.indexOf(LF, from);
      const to = found < 0 ? bytes.length : found;
      const line = bytes.subarray(from, to);
      if (line.length > maxLineBytes) refuseLong();
      else if (isUtf8(line)) answer(line.toString("utf8"));
      else refuse("not-utf8", "the line is not UTF-8 text");
      if (writer.isFull) await writer.flush();
      if (writer.isBroken) return;
      from = to + 1;
    }
  };

  const pending: Buffer[] = []; // the beginning of a line whose end has not come
  let pendingBytes = 0;
  let skipping = false; // inside a line that is too long
  const keep = (bytes: Buffer): void => {
    if (skipping || bytes.length === 0) return;
    pending.push(bytes);
    pendingBytes += bytes.length;
    if (pendingBytes > maxLineBytes) {
      pending.length = 0;
      pendingBytes = 0;
      skipping = true;
      refuseLong();
    }
  };
  const takePending = (tail: Buffer): Buffer => {
    if (pendingBytes === 0) return tail;
    pending.push(tail);
    const whole = Buffer.concat(pending);
    pending.length = 0;
    pendingBytes = 0;
    return whole;
  };

  try {
    for await (const piece of input) {
      const chunk: Buffer = typeof piece === "string" ? Buffer.from(piece, "utf8") : piece;
      const firstEnd = chunk.indexOf(LF);
      if (firstEnd < 0) {
        keep(chunk);
      } else {
        const lastEnd = chunk.lastIndexOf(LF);
        if (skipping) {
          skipping = false;
          await answerAll(chunk.subarray(firstEnd + 1, lastEnd + 1));
        } else {
          await answerAll(takePending(chunk.subarray(0, lastEnd + 1)));
        }
        keep(chunk.subarray(lastEnd + 1));
      }
      await writer.flush();
      if (writer.isBroken) break;
    }
    if (!writer.isBroken) await answerAll(takePending(EMPTY));
    await writer.finish();
  } catch (error) {
    // Destroying the input because the output broke makes the loop above throw: the cause is the writer's.
    if (!writer.isBroken) throw error;
  } finally {
    writer.release();
  }
  if (writer.failure !== null) throw writer.failure;
  return { lines, failed, brokenPipe: writer.isBroken };
}

/**
 * Runs `evaluate` over every line of a file, or of standard input.
 *
 * @param file  path, or undefined for standard input
 * @param stdin the process's own unless a test gives another
 * @throws Error that names the input, where it cannot be opened or read; and as runJsonLines
 */
export async function runFileLines(
  file: string | undefined,
  stdin: Readable,
  output: Writable,
  evaluate: Evaluate,
): Promise<JsonLinesResult> {
  const input = file === undefined ? stdin : createReadStream(file, { highWaterMark: FILE_CHUNK_BYTES });
  let unreadable: unknown;
  input.once("error", (error: Error) => {
    unreadable = error;
  });
  try {
    return await runJsonLines(input, output, evaluate);
  } catch (error) {
    if (error !== unreadable) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`cannot read ${file ?? "standard input"}: ${reason}`, { cause: error });
  }
}

/** Answers one line of text: the result's JSON, or its error's. */
export function answerLine(line: string, evaluate: Evaluate): { text: string; failed: boolean } {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    return { text: unreadableText(line, error, evaluate), failed: true };
  }
  const id = setIdAside(line, value);
  try {
    return { text: withId(JSON.stringify(evaluate(value)), id), failed: false };
  } catch (error) {
    return { text: withId(errorText(error, value), id), failed: true };
  }
}

// The answer to a line that is no JSON. Where that is for a NaN or an infinity only, it is the error of the field that has it.
function unreadableText(line: string, cause: unknown, evaluate: Evaluate): string {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const notJson = new FieldError("not-json", "", `the line is not JSON: ${reason.slice(0, 120)}`);
  const value = parseNonFinite(line);
  if (typeof value !== "object" || value === null) return errorText(notJson);
  const id = setIdAside(line, value);
  try {
    evaluate(value);
  } catch (error) {
    return isJson(id) || id === "" ? withId(errorText(error, value), id) : errorText(error);
  }
  return errorText(notJson); // only the id has one
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const NON_FINITE = ["NaN", "Infinity", "-Infinity"] as const;

// The line's value with NaN and infinities as JavaScript has them; undefined if it has none, or is no JSON for another reason.
function parseNonFinite(line: string): unknown {
  let quoted = "";
  let from = 0;
  for (let at = 0; at < line.length; ) {
    const char = line.charCodeAt(at);
    if (char === QUOTE) {
      at = stringEnd(line, at);
      continue;
    }
    const word =
      char === UPPER_N || char === UPPER_I || char === MINUS ? NON_FINITE.find((w) => line.startsWith(w, at)) : undefined;
    if (word === undefined) {
      at += 1;
      continue;
    }
    quoted += `${line.slice(from, at)}"${STAND_IN}${word}"`;
    at += word.length;
    from = at;
  }
  if (from === 0) return undefined;
  try {
    return JSON.parse(quoted + line.slice(from), (_, value) =>
      typeof value === "string" && value.startsWith(STAND_IN) ? Number(value.slice(STAND_IN.length)) : value,
    );
  } catch {
    return undefined;
  }
}

// An `id` that came with the line goes back with its error too.
function errorText(error: unknown, value?: unknown): string {
  const fieldError =
    error instanceof FieldError ? error : new FieldError("internal", "", error instanceof Error ? error.message : String(error));
  return JSON.stringify(hasId(value) ? { id: value.id, error: fieldError } : { error: fieldError });
}

function hasId(value: unknown): value is { id: unknown } {
  return typeof value === "object" && value !== null && !Array.isArray(value) && Object.hasOwn(value, "id");
}

// Where parsing may have rounded a number in the id, or printing it may not end, its text; a stand-in goes in its place.
function setIdAside(line: string, value: unknown): string {
  if (!hasId(value)) return "";
  const id = value.id;
  const isPlain = typeof id === "number" ? Number.isSafeInteger(id) : typeof id !== "object" || id === null;
  if (isPlain) return "";
  value.id = STAND_IN;
  return idText(line);
}

// The answer with the id that was set aside: answers begin with it.
function withId(answer: string, id: string): string {
  return id !== "" && answer.startsWith(STAND_IN_ID) ? `{"id":${id}${answer.slice(STAND_IN_ID.length)}` : answer;
}

// The text of the value of "id" in a line that is known to be a JSON object with such a field (the last one, as JSON.parse has it).
function idText(line: string): string {
  let found = "";
  let at = line.indexOf("{") + 1;
  for (;;) {
    const keyStart = line.indexOf('"', at);
    if (keyStart < 0) return found;
    const keyEnd = stringEnd(line, keyStart);
    const start = line.indexOf(":", keyEnd) + 1;
    at = valueEnd(line, start);
    if (JSON.parse(line.slice(keyStart, keyEnd)) === "id") found = line.slice(start, at).trim();
  }
}

// The index behind the value (and blanks) that begin at `at`: of the comma or the bracket that follows it.
function valueEnd(text: string, at: number): number {
  let depth = 0;
  for (let i = at; i < text.length; ) {
    const char = text.charCodeAt(i);
    if (char === QUOTE) {
      i = stringEnd(text, i);
      continue;
    }
    if (char === OPEN_BRACE || char === OPEN_BRACKET) depth += 1;
    else if (char === CLOSE_BRACE || char === CLOSE_BRACKET) {
      if (depth === 0) return i;
      depth -= 1;
    } else if (char === COMMA && depth === 0) return i;
    i += 1;
  }
  return text.length;
}

// The index behind the string that begins with the quote at `at`; the text's end if it does not end.
function stringEnd(text: string, at: number): number {
  for (let end = text.indexOf('"', at + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === BACKSLASH) slashes += 1;
    if (slashes % 2 === 0) return end + 1;
  }
  return text.length;
}

function isBlank(line: string): boolean {
  return line.length === 0 || (line.charCodeAt(0) <= 0x20 && line.trim() === "");
}

// Gathers answers and writes them in large pieces, never more than one piece ahead of the reader.
class ChunkWriter {
  /** what the output failed with; null while it works, and for a reader who went away */
  failure: Error | null = null;
  isBroken = false;
  private text = "";
  private readonly output: Writable;
  private readonly onError: (error: NodeJS.ErrnoException) => void;
  private readonly onClose: () => void;
  private wake: () => void = () => {};

  constructor(output: Writable, onBroken: () => void) {
    this.output = output;
    this.onClose = () => {
      this.isBroken = true;
      this.wake();
      onBroken();
    };
    this.onError = (error) => {
      if (error.code !== "EPIPE" && error.code !== "ERR_STREAM_DESTROYED") this.failure ??= error;
      this.onClose();
    };
    output.on("error", this.onError);
    output.on("close", this.onClose);
  }

  get isFull(): boolean {
    return this.text.length >= WRITE_CHARS;
  }

  add(line: string): void {
    this.text += `${line}\n`;
  }

  /** Hands over what has gathered; returns when the output takes more, or is broken. */
  async flush(): Promise<void> {
    const text = this.text;
    if (text === "" || this.isBroken) return;
    this.text = "";
    if (this.output.write(text)) return;
    await new Promise<void>((resolve) => {
      this.wake = resolve;
      if (this.isBroken) resolve();
      this.output.once("drain", resolve);
    });
    this.wake = () => {};
  }

  /** Flushes, and returns when everything is written or the output is broken. */
  async finish(): Promise<void> {
    await this.flush();
    if (this.isBroken) return;
    await new Promise<void>((resolve) => {
      this.wake = resolve;
      this.output.write("", () => resolve());
    });
  }

  release(): void {
    // An error may still come after the last write (the reader closes late); it must not end the process.
    this.output.off("error", this.onError);
    this.output.off("close", this.onClose);
    this.output.on("error", ignore);
  }
}

function ignore(): void {}
