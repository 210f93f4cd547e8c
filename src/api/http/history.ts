// What the api asks of the database: rows of the past. The store owns the SQL; here stand only the questions.

/** A span of time, ms since the epoch, from (inclusive) to (exclusive). */
export interface HistorySpan {
  fromMs: number;
  toMs: number;
  limit: number;
}

/** Answers questions about the past; rejects when the database does not answer in time. */
export interface HistoryReader {
  accountRisk(accountId: string, span: HistorySpan): Promise<object[]>;
  fills(accountId: string, span: HistorySpan): Promise<object[]>;
  alerts(span: HistorySpan & { accountId: string | null }): Promise<object[]>;
}
