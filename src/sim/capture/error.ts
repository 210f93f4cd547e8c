// The one error a capture file can cause: which file, which line, what is wrong there.

/**
 * - `cannot-read`: the file cannot be opened or read
 * - `empty-file`: it holds no event
 * - `bad-gzip`: compressed data that is broken or ends early
 * - `line-too-long`: no line end within the limit
 * - `bad-receive-time`: the line does not begin with 19 digits of nanoseconds and a space
 * - `bad-json`: what follows is not complete JSON (a torn line) or not an object
 * - `unknown-event`: an event this reader does not know
 * - `missing-field`, `bad-field`: a field that must be there is not, or cannot be what it says
 * - `off-step`: a price that is not a multiple of the tick, or a quantity that is not one of the lot
 * - `unknown-instrument`: no contract terms for the symbol
 * - `ambiguous-symbol`: a line that names no symbol, in a file where more than one would do
 */
export type CaptureErrorCode =
  | "cannot-read"
  | "empty-file"
  | "bad-gzip"
  | "line-too-long"
  | "bad-receive-time"
  | "bad-json"
  | "unknown-event"
  | "missing-field"
  | "bad-field"
  | "off-step"
  | "unknown-instrument"
  | "ambiguous-symbol";

export class CaptureError extends Error {
  override readonly name = "CaptureError";

  /**
   * @param file  as the caller named it
   * @param line  1-based; 0 where the error is not about a line
   * @param field JSON name of the field at fault, where there is one
   */
  constructor(
    readonly code: CaptureErrorCode,
    readonly file: string,
    readonly line: number,
    readonly detail: string,
    readonly field?: string,
  ) {
    super(`${file}${line > 0 ? `:${line}` : ""}: ${detail} (${code})`);
  }
}
