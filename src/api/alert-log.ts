// The newest alerts, numbered as they came: what `risk.alerts` replays to clients that were slow and REST lists. Bounded;
// what falls out of it is in the database. One writer and all readers are the api thread.
import type { AlertView } from "../shared/views/types";
import { ALERT_LOG_COUNT } from "./limits";

export interface LoggedAlert {
  /** 1, 2, 3 … since the engine started, a kind. */
  seq: number;
  alert: AlertView;
  /** The alert as JSON, made once. */
  json: string;
}

export class AlertLog {
  readonly #entries: (LoggedAlert | undefined)[];
  #lastSeq = 0;

  constructor(readonly capacity: number = ALERT_LOG_COUNT) {
    this.#entries = new Array<LoggedAlert | undefined>(capacity);
  }

  /** Number of the newest; 0 before the first. */
  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** Number of the oldest still here; lastSeq + 1 where there is none. */
  get firstSeq(): number {
    return Math.max(1, this.#lastSeq - this.capacity + 1);
  }

  push(alert: AlertView): void {
    const seq = ++this.#lastSeq;
    // JSON.stringify writes a non-finite number as null: none can leave.
    this.#entries[seq % this.capacity] = { seq, alert, json: JSON.stringify(alert) };
  }

  /** Those after `seq`, oldest first, at most `count`. */
  after(seq: number, count: number): LoggedAlert[] {
    const out: LoggedAlert[] = [];
    for (let at = Math.max(seq + 1, this.firstSeq); at <= this.#lastSeq && out.length < count; at++) {
      out.push(this.#entries[at % this.capacity]!);
    }
    return out;
  }

  /** The newest that `wanted` accepts, newest first, at most `count`. */
  newest(count: number, wanted: (alert: AlertView) => boolean): AlertView[] {
    const out: AlertView[] = [];
    for (let at = this.#lastSeq; at >= this.firstSeq && out.length < count; at--) {
      const { alert } = this.#entries[at % this.capacity]!;
      if (wanted(alert)) out.push(alert);
    }
    return out;
  }
}

export function isLiquidation(alert: AlertView): boolean {
  return alert.toStatus === "liquidation" || alert.toStatus === "bankrupt";
}

/** All alerts, and those that say an account is being liquidated, each with numbers of its own. */
export class AlertLogs {
  readonly all: AlertLog;
  readonly liquidations: AlertLog;

  constructor(capacity: number = ALERT_LOG_COUNT) {
    this.all = new AlertLog(capacity);
    this.liquidations = new AlertLog(capacity);
  }

  push(alerts: readonly AlertView[]): void {
    for (const alert of alerts) {
      this.all.push(alert);
      if (isLiquidation(alert)) this.liquidations.push(alert);
    }
  }
}
