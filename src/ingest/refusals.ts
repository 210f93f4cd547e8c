// What was refused stays refused. A message that went to `dead-letter` is not judged again when the log is read a second
// time: by then its instrument may be known, and the ledger would differ from the one that was served. Whoever wants it
// after all drives it again, and it is then a message of its own. Main thread.
import { crc32 } from "../shared/wire/crc32";
import { decodeDeadLetter } from "../shared/wire/encode";
import { LogConsumer, type LogConsumerOptions } from "./kafka/log-consumer";

const POLL_MESSAGES = 512;
const DEADLINE_MS = 60_000;

export class Refusals {
  private readonly consumer: LogConsumer;
  /** Partition of `accounts` → offset → CRC-32 of the message refused there. */
  private readonly refused = new Map<number, Map<number, number>>();
  private partitions = 0;
  private refreshing: Promise<void> = Promise.resolve();

  constructor(
    options: LogConsumerOptions,
    private readonly letters: string,
    private readonly accounts: string,
  ) {
    this.consumer = new LogConsumer(options);
  }

  connect(): Promise<void> {
    return this.consumer.connect();
  }

  private async begin(): Promise<void> {
    this.partitions = await this.consumer.partitionCount(this.letters);
    const all = Array.from({ length: this.partitions }, (_, partition) => ({
      topic: this.letters,
      partition,
      offset: "beginning" as const,
    }));
    await this.consumer.assign(all);
  }

  /** Reads the letters up to where they end now. One after the other: a look under way may have begun before the last of them. */
  refresh(): Promise<void> {
    this.refreshing = this.refreshing.catch(() => undefined).then(() => this.read());
    return this.refreshing;
  }

  private async read(): Promise<void> {
    if (this.partitions === 0) await this.begin();
    const ends = new Map<number, number>();
    for (let partition = 0; partition < this.partitions; partition++) {
      const { low, high } = await this.consumer.watermarks(this.letters, partition);
      if (high > low) ends.set(partition, high);
    }
    const deadline = Date.now() + DEADLINE_MS;
    for (;;) {
      for (const [partition, high] of ends) if (this.consumer.position(this.letters, partition) >= high) ends.delete(partition);
      if (ends.size === 0) return;
      if (Date.now() > deadline)
        throw new Error(`reading ${this.letters}: its end was not reached within ${DEADLINE_MS / 1000} s`);
      for (const { payload } of await this.consumer.poll(POLL_MESSAGES)) if (payload !== null) this.note(payload);
    }
  }

  private note(message: Buffer): void {
    let letter: ReturnType<typeof decodeDeadLetter>;
    try {
      letter = decodeDeadLetter(message);
    } catch {
      return; // something else in the topic: not a letter of ours
    }
    // A mark of a redrive has no payload, and takes nothing back: what was driven again stands elsewhere in the log.
    if (letter.topic !== this.accounts || letter.payload.length === 0) return;
    this.add(letter.partition, letter.offset, letter.payload);
  }

  /** A message of `accounts` that has just been refused: the log is also read again where a worker is lost. */
  add(partition: number, offset: number, payload: Uint8Array): void {
    let offsets = this.refused.get(partition);
    if (!offsets) this.refused.set(partition, (offsets = new Map()));
    offsets.set(offset, crc32(payload));
  }

  /** Whether this very message was refused before; another one at the same place (a topic made anew) was not. */
  has(partition: number, offset: number, payload: Uint8Array): boolean {
    const sum = this.refused.get(partition)?.get(offset);
    return sum !== undefined && sum === crc32(payload);
  }

  close(timeoutMs: number): Promise<void> {
    return this.consumer.close(timeoutMs);
  }
}
