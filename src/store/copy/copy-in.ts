// One COPY … FROM STDIN over postgres.js.
//
// postgres.js answers the query with a writable when the server asks for data, and has then no way left to say that the
// COPY failed after its last byte was sent (a unique key violated, the connection lost): the writable would neither
// finish nor fail, and the next statement on that connection would finish it as if it had succeeded. So the query's own
// `reject`, which postgres.js does call then, is taken over for the length of the call; and whatever fails here, the
// caller throws the connection away. A test holds both, for the day postgres.js changes.
import type { Writable } from "node:stream";
import type { Sql } from "postgres";

// "PGCOPY\n\xff\r\n\0", no flags, no extension: the head of the binary format. A count of −1 ends it.
const HEAD = Buffer.from("5047434f50590aff0d0a000000000000000000", "hex");
const TAIL = Buffer.from("ffff", "hex");

/**
 * Sends `payload` (whole rows, see row-writer.ts) and waits until the server has taken all of it.
 *
 * @throws the server's error, or the connection's
 */
export async function copyIn(sql: Sql, statement: string, payload: Buffer): Promise<void> {
  const query = sql.unsafe(statement);
  const internals = query as unknown as { reject?: (error: unknown) => void };
  await new Promise<void>((resolve, reject) => {
    const passOn = internals.reject;
    internals.reject = (error) => {
      reject(error);
      passOn?.(error);
    };
    const send = (stream: Writable) => {
      stream.on("error", reject);
      stream.on("finish", resolve);
      stream.write(HEAD);
      stream.write(payload);
      stream.end(TAIL);
    };
    // writable() marks the query as one that streams and returns it; awaiting it sends it.
    query.writable().then(send as unknown as (stream: unknown) => void, reject);
  });
}
