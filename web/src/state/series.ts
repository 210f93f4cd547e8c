// A bounded history of samples for a chart: columns of one length, oldest dropped first, in the shape uPlot reads.

/** Times (ascending, seconds) first, then one column a line; null is a hole in a line. */
export type Columns = [number[], ...(number | null)[][]];

export class Series {
  readonly #columns: Columns;
  readonly #capacity: number;
  /** Counts every append: a chart redraws when it differs from what it drew. */
  version = 0;

  /** @param lines columns beside the time; @param capacity samples kept, at least 1 */
  constructor(lines: number, capacity: number) {
    this.#columns = [[]];
    for (let line = 0; line < lines; line++) this.#columns.push([]);
    this.#capacity = capacity;
  }

  get columns(): Columns {
    return this.#columns;
  }

  get length(): number {
    return this.#columns[0].length;
  }

  /**
   * Adds one sample. A time equal to the last replaces it; an earlier time is ignored, as a chart needs ascending times.
   *
   * @param timeMs ms since the epoch
   */
  append(timeMs: number, values: readonly (number | null)[]): void {
    const times = this.#columns[0];
    const time = timeMs / 1000;
    const last = times.length > 0 ? times[times.length - 1]! : Number.NEGATIVE_INFINITY;
    if (!(time >= last)) return;
    const replace = time === last;
    if (replace) times.pop();
    times.push(time);
    for (let line = 1; line < this.#columns.length; line++) {
      const column = this.#columns[line] as (number | null)[];
      if (replace) column.pop();
      const value = values[line - 1];
      column.push(value === undefined || value === null || !Number.isFinite(value) ? null : value);
    }
    // Trimmed in blocks: moving a few hundred numbers once in a while is cheaper than a shift a sample.
    if (times.length > this.#capacity + 64) {
      const extra = times.length - this.#capacity;
      for (const column of this.#columns) column.splice(0, extra);
    }
    this.version++;
  }

  /** Puts older samples (ascending) in front of what is already there: history that was loaded after live data began. */
  prepend(rows: readonly { timeMs: number; values: readonly (number | null)[] }[]): void {
    const times = this.#columns[0];
    const first = times.length > 0 ? times[0]! : Number.POSITIVE_INFINITY;
    const older = rows.filter((row) => row.timeMs / 1000 < first).slice(-this.#capacity);
    times.unshift(...older.map((row) => row.timeMs / 1000));
    for (let line = 1; line < this.#columns.length; line++) {
      const column = this.#columns[line] as (number | null)[];
      column.unshift(...older.map((row) => row.values[line - 1] ?? null));
    }
    this.version++;
  }

  clear(): void {
    for (const column of this.#columns) column.length = 0;
    this.version++;
  }
}
