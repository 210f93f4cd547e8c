// Ingest: reads `reference` to its end, then `market` and `accounts`, and puts what is whole and right where it belongs.
// Main thread; it waits for nothing but Kafka. Messages that are refused go to `dead-letter`, byte for byte.

import type { StatsWriter } from "../shared/stats";
import { encodeDeadLetter } from "../shared/wire/encode";
import { AccountLane, type Refused } from "./account-lane";
import { Books } from "./books";
import { LogConsumer, type LogMessage, partitionKey, type StartOffset, type TopicPartition } from "./kafka/log-consumer";
import type { LogProducer } from "./kafka/log-producer";
import type { KafkaConnection } from "./kafka/settings";
import { topicName } from "./kafka/topics";
import { MarketLane } from "./market-lane";
import type { MarketTable } from "./market-table";
import { ReferenceLane } from "./reference-lane";

/** Messages asked for at once: a poll's worth is worked off before anything else runs on the main thread. */
const POLL_MESSAGES = 512;

/** What ingest tells the supervisor: shards come and go with the partitions of the group. */
export interface ShardHost {
  /** A partition is ours: make its shard. Answers the memory and where its log begins. */
  open(
    partition: number,
    log: { low: number; high: number },
  ): Promise<{ memory: SharedArrayBuffer; start: StartOffset; ring: () => void }>;
  close(partition: number): Promise<void>;
  /** The market moved: every worker may have something to do. */
  marketMoved(): void;
}

export interface IngestOptions {
  connection: KafkaConnection;
  prefix: string;
  groupId: string;
  /** @see EMBEDDED_FETCH_WAIT_MS */
  fetchWaitMaxMs?: number;
  connectTimeoutMs?: number;
  /** Messages of `market` a partition read back at start: state, so only the newest matter. */
  marketBackfill: number;
  producer: LogProducer;
  table: MarketTable;
  stats: StatsWriter;
  shards: ShardHost;
  /** Something a person should know; the engine goes on. */
  onWarning(text: string): void;
  /** The log cannot be read on as it is: the engine has to stop. */
  onFatal(error: Error): void;
}

interface Lane {
  lane: AccountLane;
  ring: () => void;
  /** The ring was full: its partition rests until half of it is free. */
  paused: boolean;
  next: number;
}

export class Ingest {
  private readonly market: LogConsumer;
  private readonly accounts: LogConsumer;
  private readonly lanes = new Map<number, Lane>();
  private readonly topics: Record<"accounts" | "market" | "reference" | "dead-letter", string>;
  private readonly referenceLane: ReferenceLane;
  private readonly marketLane: MarketLane;
  private readonly books: Books;
  private loops: Promise<void>[] = [];
  private stopping = false;
  private deadLetters = 0;
  private pausedCount = 0;

  constructor(private readonly options: IngestOptions) {
    const { prefix, table, connection, fetchWaitMaxMs, connectTimeoutMs } = options;
    this.topics = {
      accounts: topicName("accounts", prefix),
      market: topicName("market", prefix),
      reference: topicName("reference", prefix),
      "dead-letter": topicName("dead-letter", prefix),
    };
    this.books = new Books(table, (id) => `#${id}`);
    this.referenceLane = new ReferenceLane(table);
    this.marketLane = new MarketLane(table, this.books, table);
    const common = {
      ...connection,
      ...(fetchWaitMaxMs === undefined ? {} : { fetchWaitMaxMs }),
      ...(connectTimeoutMs === undefined ? {} : { connectTimeoutMs }),
      onError: (error: Error) => {
        options.stats.add("ingest.brokerErrors");
        options.onWarning(error.message);
      },
      onConnection: (state: "down" | "up") =>
        options.onWarning(state === "down" ? "Kafka: no broker can be reached; trying on" : "Kafka: a broker is back"),
    };
    // Without a group: every engine sees the whole market.
    this.market = new LogConsumer({ ...common, groupId: `${options.groupId}.market` });
    this.accounts = new LogConsumer({ ...common, groupId: options.groupId, gaplessTopics: [this.topics.accounts] });
  }

  /** Connects, reads the reference data that is there, joins the group. Throws a KafkaError where that cannot be. */
  async start(): Promise<void> {
    await this.market.connect();
    await this.readReference();
    await this.assignMarket();
    await this.accounts.connect();
    await this.accounts.subscribe([this.topics.accounts], {
      onAssigned: (partitions) => this.onAssigned(partitions),
      onRevoked: (partitions) => this.onRevoked(partitions),
    });
    this.loops = [this.guard(this.marketLoop()), this.guard(this.accountsLoop())];
  }

  private guard(loop: Promise<void>): Promise<void> {
    return loop.catch((error: Error) => {
      if (!this.stopping) this.options.onFatal(error);
    });
  }

  private async readReference(): Promise<void> {
    const topic = this.topics.reference;
    const count = await this.market.partitionCount(topic);
    const partitions = Array.from({ length: count }, (_, partition) => ({
      topic,
      partition,
      offset: "beginning" as StartOffset,
    }));
    await this.market.assign(partitions);
    const ends = new Map<number, number>();
    for (const { partition } of partitions) {
      const { low, high } = await this.market.watermarks(topic, partition);
      if (high > low) ends.set(partition, high);
    }
    // Compaction leaves holes, so the end is reached by position, not by count.
    const deadline = Date.now() + 30_000;
    while (ends.size > 0) {
      for (const message of await this.market.poll(POLL_MESSAGES)) await this.takeMarket(message);
      for (const [partition, high] of ends) if (this.market.position(topic, partition) >= high) ends.delete(partition);
      if (Date.now() > deadline) throw new Error(`reading ${topic}: its end was not reached within 30 s`);
    }
    this.options.table.publish();
  }

  private async assignMarket(): Promise<void> {
    const topic = this.topics.market;
    const count = await this.market.partitionCount(topic);
    const starts = [];
    for (let partition = 0; partition < count; partition++) {
      const { low, high } = await this.market.watermarks(topic, partition);
      starts.push({ topic, partition, offset: Math.max(low, high - this.options.marketBackfill) });
    }
    await this.market.assign(starts);
  }

  private async onAssigned(partitions: TopicPartition[]): Promise<Map<string, StartOffset>> {
    const starts = new Map<string, StartOffset>();
    for (const { topic, partition } of partitions) {
      const log = await this.accounts.watermarks(topic, partition);
      const { memory, start, ring } = await this.options.shards.open(partition, log);
      this.lanes.set(partition, { lane: new AccountLane(memory, this.options.table), ring, paused: false, next: 0 });
      starts.set(partitionKey(topic, partition), start);
    }
    return starts;
  }

  private async onRevoked(partitions: TopicPartition[]): Promise<void> {
    for (const { partition } of partitions) {
      const lane = this.lanes.get(partition);
      if (!lane) continue;
      if (lane.paused) this.countPaused(-1);
      this.lanes.delete(partition);
      await this.options.shards.close(partition);
    }
  }

  private countPaused(by: number): void {
    this.pausedCount += by;
    this.options.stats.set("ingest.pausedPartitions", this.pausedCount);
  }

  private async marketLoop(): Promise<void> {
    while (!this.stopping) {
      const messages = await this.market.poll(POLL_MESSAGES);
      for (const message of messages) await this.takeMarket(message);
      if (messages.length > 0 && this.options.table.publish()) this.options.shards.marketMoved();
      this.options.stats.set("ingest.marketEvents", this.marketLane.events);
      this.options.stats.set("ingest.referenceEvents", this.referenceLane.events);
      this.options.stats.set("ingest.bookResyncs", this.books.resyncs);
    }
  }

  private async takeMarket(message: LogMessage): Promise<void> {
    this.count(message);
    // A tombstone of the compacted topic takes a key away; what it stood for stays known as long as the engine runs.
    if (message.payload === null) return;
    const refused =
      message.topic === this.topics.reference ? this.referenceLane.take(message.payload) : this.marketLane.take(message.payload);
    if (refused) await this.deadLetter(message, refused);
  }

  private async accountsLoop(): Promise<void> {
    while (!this.stopping) {
      const messages = await this.accounts.poll(POLL_MESSAGES);
      for (let i = 0; i < messages.length; i++) {
        const message = messages[i];
        const entry = this.lanes.get(message.partition);
        if (!entry || entry.paused) continue;
        if (!(await this.takeAccount(message, entry))) this.pause(message, messages, i, entry);
      }
      this.resumeDrained();
      this.noteLag();
    }
  }

  private async takeAccount(message: LogMessage, entry: Lane): Promise<boolean> {
    const before = entry.lane.events;
    const taken = entry.lane.offer(message.payload ?? new Uint8Array(0), message.offset);
    if (taken === "full") return false;
    this.count(message);
    this.options.stats.add("ingest.accountEvents", entry.lane.events - before);
    entry.next = message.offset + 1;
    entry.ring();
    if (taken !== "published") await this.deadLetter(message, taken);
    return true;
  }

  private pause(message: LogMessage, messages: LogMessage[], from: number, entry: Lane): void {
    entry.paused = true;
    this.countPaused(1);
    this.options.stats.add("ingest.ringFullWaits");
    this.accounts.pause([message]);
    this.accounts.unread(messages.slice(from).filter((each) => each.partition === message.partition));
  }

  private resumeDrained(): void {
    if (this.pausedCount === 0) return;
    for (const [partition, entry] of this.lanes) {
      if (!entry.paused || !entry.lane.hasDrained()) continue;
      entry.paused = false;
      this.countPaused(-1);
      this.accounts.resume([{ topic: this.topics.accounts, partition }]);
    }
  }

  private noteLag(): void {
    let lag = 0;
    for (const partition of this.accounts.statistics()?.partitions ?? [])
      if (partition.lagMessages > 0) lag += partition.lagMessages;
    this.options.stats.set("ingest.lagMessages", lag);
  }

  private count(message: LogMessage): void {
    this.options.stats.add("ingest.messages");
    this.options.stats.add("ingest.bytes", message.payload?.length ?? 0);
  }

  private async deadLetter(message: LogMessage, refused: Refused): Promise<void> {
    const letter = encodeDeadLetter({
      topic: message.topic,
      partition: message.partition,
      offset: message.offset,
      code: refused.code,
      reason: refused.reason,
      timestampNs: message.timestampMs > 0 ? BigInt(message.timestampMs) * 1_000_000n : 0,
      payload: message.payload ?? new Uint8Array(0),
      firstSequence: this.deadLetters,
    });
    // Where it came from is the key: the same refusal after a restart is the same letter.
    const key = `${message.topic}/${message.partition}/${message.offset}`;
    while (!this.options.producer.send(this.topics["dead-letter"], null, letter, key)) await this.options.producer.room();
    this.deadLetters++;
    this.options.stats.add("ingest.deadLetters");
  }

  /** Next offset to read, a partition: everything before it is in a ring or a dead letter. */
  positions(): Map<number, number> {
    return new Map([...this.lanes].map(([partition, entry]) => [partition, entry.next]));
  }

  /** Commits where the shards are: what lag dashboards and the next owner see. */
  async commit(offsets: { partition: number; offset: number }[]): Promise<void> {
    const topic = this.topics.accounts;
    await this.accounts.commit(
      offsets.filter(({ partition }) => this.lanes.has(partition)).map(({ partition, offset }) => ({ topic, partition, offset })),
    );
  }

  /** Ends the loops: nothing more is taken from Kafka. */
  async halt(): Promise<void> {
    this.stopping = true;
    await Promise.all(this.loops);
  }

  /** Leaves the group, which closes the shards, and closes both clients. */
  async close(timeoutMs: number): Promise<void> {
    await this.halt();
    await Promise.all([this.accounts.close(timeoutMs), this.market.close(timeoutMs)]);
  }
}
