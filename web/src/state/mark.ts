// One instrument as the marks table shows it: its latest state, which way the mark went last, and its last minutes.
import type { InstrumentRow } from "../wire/decode";
import { Series } from "./series";

/** Five minutes at one sample a second. */
const MARK_SAMPLES = 300;
const SAMPLE_EVERY_MS = 1_000;

export type Direction = "up" | "down" | "none";

export class Mark {
  instrument: InstrumentRow;
  direction: Direction = "none";
  readonly series = new Series(1, MARK_SAMPLES);
  #sampledMs = Number.NEGATIVE_INFINITY;

  constructor(instrument: InstrumentRow) {
    this.instrument = instrument;
  }

  /** @param timeMs when it arrived, ms since the epoch */
  apply(instrument: InstrumentRow, timeMs: number): void {
    const before = this.instrument.mark;
    const { mark } = instrument;
    if (before !== null && mark !== null && mark !== before) this.direction = mark > before ? "up" : "down";
    this.instrument = instrument;
    if (timeMs - this.#sampledMs < SAMPLE_EVERY_MS) return;
    this.#sampledMs = timeMs;
    this.series.append(timeMs, [mark]);
  }
}
