// Which engine has which partitions of `accounts`, as the engines themselves say on the compacted topic `engines`. One partition
// keeps all announcements in one order: of two engines that claim a partition, the one that spoke later has it. Main thread.
import { topicName } from "../ingest/kafka/topics";
import { decodeEngine, encodeEngine } from "../shared/wire/encode";
import type { Outbox } from "./outbox";

export interface EngineAddress {
  engine: string;
  /** HTTP listener and live stream. */
  url: string;
  stream: string;
}

/** Owner of each partition that somebody has claimed. */
export type Owners = Record<number, EngineAddress>;

export interface DirectoryOptions {
  outbox: Outbox;
  prefix: string;
  /** Name of this engine. */
  engine: string;
  onChanged(owners: Owners): void;
  warn(line: string): void;
}

export class EngineDirectory {
  private readonly owners = new Map<number, EngineAddress>();
  private readonly topic: string;
  private sent = 0;
  /** What was announced last, and what is to be said as soon as there is room. */
  private announced = "";
  private wanted: number[] | null = null;
  private sending = false;
  /** Where this engine is; null: not known yet. */
  private self: EngineAddress | null = null;

  constructor(private readonly options: DirectoryOptions) {
    this.topic = topicName("engines", options.prefix);
  }

  /** A message of the topic; null: the engine of this name has ended. */
  take(key: string | null, payload: Buffer | null): void {
    try {
      if (payload === null) {
        if (key !== null) this.set({ engine: key, url: "", stream: "" }, []);
        return;
      }
      const { name, http, stream, partitions } = decodeEngine(payload);
      this.set({ engine: name, url: http, stream }, partitions);
    } catch (error) {
      this.options.warn(`a message of ${this.topic} is passed over: ${(error as Error).message}`);
    }
  }

  private set(engine: EngineAddress, partitions: readonly number[]): void {
    for (const [partition, owner] of this.owners)
      if (owner.engine === engine.engine && !partitions.includes(partition)) this.owners.delete(partition);
    for (const partition of partitions) this.owners.set(partition, engine);
    this.options.onChanged(Object.fromEntries(this.owners));
  }

  /** Where this engine can be reached: from now on it is announced. */
  introduce(url: string, stream: string): void {
    this.self = { engine: this.options.engine, url, stream };
    if (this.wanted !== null) this.announce(this.wanted);
  }

  /** Says which partitions this engine has. What it said before is not said twice. */
  announce(partitions: readonly number[]): void {
    this.wanted = [...partitions];
    if (this.sending || this.self === null) return;
    this.sending = true;
    void this.send(this.self).finally(() => {
      this.sending = false;
    });
  }

  private async send({ engine, url, stream }: EngineAddress): Promise<void> {
    while (this.wanted !== null) {
      const partitions = this.wanted;
      if (partitions.join() === this.announced) {
        this.wanted = null;
        return;
      }
      const payload = encodeEngine({ name: engine, http: url, stream, partitions, firstSequence: this.sent });
      if (this.options.outbox.send(this.topic, 0, payload, engine)) {
        this.sent++;
        this.announced = partitions.join();
        if (this.wanted === partitions) this.wanted = null;
      } else await this.options.outbox.room();
    }
  }

  /** The last word: this engine has nothing any more, and its name leaves the topic. */
  withdraw(): void {
    this.wanted = null;
    if (this.sent > 0) this.options.outbox.send(this.topic, 0, null, this.options.engine);
  }
}
