// Walks rows of the binary COPY format (row-writer.ts): to put in the log's number just before a batch is sent, to split
// a batch, and to thin samples. Every walk checks the structure, so bytes that are not rows never reach the server.

/** A row of `payload`: where it begins and ends, and how many fields it has. */
export interface RowSpan {
  begin: number;
  end: number;
  fields: number;
}

/** Calls `visit` for each row in order; the span is reused. Throws RangeError where the bytes are not whole rows. */
export function eachRow(payload: Buffer, visit: (row: RowSpan) => void): void {
  const span: RowSpan = { begin: 0, end: 0, fields: 0 };
  let at = 0;
  while (at < payload.length) {
    span.begin = at;
    if (at + 2 > payload.length) throw broken(at);
    span.fields = payload.readInt16BE(at);
    if (span.fields < 1) throw broken(at);
    at += 2;
    for (let field = 0; field < span.fields; field++) {
      if (at + 4 > payload.length) throw broken(at);
      const length = payload.readInt32BE(at);
      if (length < -1) throw broken(at);
      at += 4 + Math.max(length, 0);
    }
    if (at > payload.length) throw broken(at);
    span.end = at;
    visit(span);
  }
}

/** Rows and fields of a payload whose rows all have the same number of fields. */
export function measureRows(payload: Buffer): { rows: number; fields: number } {
  let rows = 0;
  let fields = 0;
  eachRow(payload, (row) => {
    if (rows > 0 && row.fields !== fields) throw new RangeError(`rows of ${fields} and of ${row.fields} fields in one batch`);
    fields = row.fields;
    rows++;
  });
  return { rows, fields };
}

/** Writes `logId` into the first field of every row, which is an int2. */
export function setLogId(payload: Buffer, logId: number): void {
  eachRow(payload, (row) => {
    if (payload.readInt32BE(row.begin + 2) !== 2) throw broken(row.begin);
    payload.writeInt16BE(logId, row.begin + 6);
  });
}

/** Bytes of one field of a row, as a text that can be a map's key; "" for null. */
export function fieldKey(payload: Buffer, row: RowSpan, field: number): string {
  let at = row.begin + 2;
  for (let i = 0; i < field; i++) {
    const length = payload.readInt32BE(at);
    at += 4 + Math.max(length, 0);
  }
  const length = payload.readInt32BE(at);
  return length < 0 ? "" : payload.toString("latin1", at + 4, at + 4 + length);
}

/** The first half of the rows and the second; of one row, itself and nothing. */
export function splitRows(payload: Buffer, rows: number): [Buffer, Buffer] {
  const half = Math.ceil(rows / 2);
  let cut = payload.length;
  let row = 0;
  eachRow(payload, (span) => {
    if (row++ === half) cut = span.begin;
  });
  return [payload.subarray(0, cut), payload.subarray(cut)];
}

function broken(at: number): RangeError {
  return new RangeError(`not whole COPY rows: byte ${at}`);
}
