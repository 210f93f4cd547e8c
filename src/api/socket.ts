// Getting rid of a connection that misbehaved.
import type { Duplex } from "node:stream";

/** ms a peer has to read the last answer; destroying at once would take it back when bytes of his are unread. */
const LINGER_MS = 1_000;

/** Sends the last answer, then ends the connection whether or not the peer agrees. */
export function endWith(connection: Duplex, answer: string): void {
  if (!connection.writable) {
    connection.destroy();
    return;
  }
  connection.end(answer);
  const timer = setTimeout(() => connection.destroy(), LINGER_MS);
  timer.unref();
  connection.once("close", () => clearTimeout(timer));
}
