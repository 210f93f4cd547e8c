// Ingest: reads `reference` to its end, then `market` and `accounts`, and puts what is whole and right where it belongs.
// Main thread; it waits for nothing but Kafka. Messages that are refused go to `dead-letter`, byte for byte.

import { monotonicNs, wallMs } from "../shared/clock";
import type { StatsWriter } from "../shared/stats";
import { encodeDeadLetter } from "../shared/wire/encode";
import { AccountLane, type Refused } from "./account-lane";
import { Books } from "./books";
import { KafkaError } from "./kafka/errors";
import { LogConsumer, type LogMessage, partitionKey, type StartOffset, type TopicPartition } from "./kafka/log-consumer";
import type { KafkaConnection } from "./kafka/settings";
import { topicName } from "./kafka/topics";
import { MarketLane } from "./market-lane";
import type { MarketTable } from "./market-table";
import { REFERENCE_REFUSED, ReferenceLane } from "./reference-lane";
import { Refusals } from "./refusals";

/** Messages asked for at once: a poll's worth is worked off before anything else runs on the main thread. */
const POLL_MESSAGES = 512;

/** Ends of a partition's log: the oldest offset there is, and the one that the next message gets. */
export interface LogEnds {
  low: number;
  high: number;
}

/** A shard that is ready for events. */
export interface OpenShard {
  memory: SharedArrayBuffer;
  /** The first offset it has not applied. */
  start: number;
  /** Tells its worker that there is work. */
  ring: () => void;
}

/** What ingest tells the supervisor: shards come and go with the partitions of the group. */
export interface ShardHost {
  /** A partition is ours: make its shard, or take on the one that was kept. */
  open(partition: number, log: LogEnds): Promise<OpenShard>;
  /**
   * It is not ours any more.
   *
   * @param isLost another engine may have it already
   */
  close(partition: number, isLost: boolean): Promise<void>;
  /**
   * The group took it away because no broker could be reached for longer than a session lasts: nobody else can have it yet.
   * It stays as it is, served as old as it is, until the group hands out partitions again.
   */
  keep(partition: number): Promise<void>;
  /** All of `market` that was there at the start has been read: numbers rest on the newest marks. */
  marketCaughtUp(): void;
  /** The market moved: every worker may have something to do. */
  marketMoved(): void;
}

/** What ingest sends on: refused messages. */
export interface DeadLetterSink {
  send(topic: string, partition: number | null, payload: Buffer, key: string): boolean;
  room(): Promise<void>;
}

export interface IngestOptions {
  connection: KafkaConnection;
  prefix: string;
  groupId: string;
  /** Name of this engine among those of the group: one that comes back under it finds its partitions waiting. */
  instanceId?: string;
  /** @see ConsumerSettingsOptions.sessionTimeoutMs */
  sessionTimeoutMs?: number;
  /** @see EMBEDDED_FETCH_WAIT_MS */
  fetchWaitMaxMs?: number;
  connectTimeoutMs?: number;
  /** Messages of `market` a partition read back at start: state, so only the newest matter. */
  marketBackfill: number;
  deadLetters: DeadLetterSink;
  table: MarketTable;
  stats: StatsWriter;
  shards: ShardHost;
  /** A message of `engines`, from the beginning; left out: the topic is not read. */
  onEngine?(name: string | null, announcement: Buffer | null): void;
  /** Whether what the group gave us is still ours; see src/engine/lease.ts. */
  lease: { holds(): boolean; doubt(): void; confirm(): void };
  /** Something a person should know; the engine goes on. A client that goes on trying says the same again and again. */
  onWarning(text: string): void;
  /** The log cannot be read on as it is: the engine has to stop. */
  onFatal(error: Error): void;
}

interface Lane {
  lane: AccountLane;
  ring: () => void;
  /** The ring was full: its partition rests until half of it is free. */
  paused: boolean;
  /** Its shard is being built anew: what comes meanwhile is read again. */
  suspended: boolean;
  next: number;
  /** Which one in the order of seat(). */
  seat: number;
}

/** Between two looks whether the reference data has been read. */
const REFERENCE_LOOK_MS = 2;
/** A kept shard is given up when the brokers are back and the group has not given its partition to us for so long. */
const KEPT_MS = 60_000;

export class Ingest {
  private readonly market: LogConsumer;
  private readonly accounts: LogConsumer;
  private readonly lanes = new Map<number, Lane>();
  private readonly topics: Record<"accounts" | "market" | "reference" | "dead-letter" | "engines", string>;
  private readonly referenceLane: ReferenceLane;
  private readonly marketLane: MarketLane;
  private readonly books: Books;
  private readonly refusals: Refusals;
  private loops: Promise<void>[] = [];
  private connected: Promise<unknown> | undefined;
  private seats = 0;
  private stopping = false;
  private deadLetters = 0;
  private pausedCount = 0;
  /** Partitions of `market` that are not read up to where they ended at the start. */
  private readonly behind = new Map<number, number>();
  private brokersDown = false;
  /** monotonicNs() at which an end of `reference` was asked for that has been read to. */
  private referenceReadNs = -1;
  /** Kept while no broker can be reached, and when that began to count. */
  private readonly kept = new Map<number, number>();

  constructor(private readonly options: IngestOptions) {
    const { prefix, table, connection, fetchWaitMaxMs, connectTimeoutMs } = options;
    this.topics = {
      accounts: topicName("accounts", prefix),
      market: topicName("market", prefix),
      reference: topicName("reference", prefix),
      "dead-letter": topicName("dead-letter", prefix),
      engines: topicName("engines", prefix),
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
    };
    this.refusals = new Refusals(
      { ...common, groupId: `${options.groupId}.dead-letter` },
      this.topics["dead-letter"],
      this.topics.accounts,
    );
    // Without a group: every engine sees the whole market.
    this.market = new LogConsumer({ ...common, groupId: `${options.groupId}.market` });
    this.accounts = new LogConsumer({
      ...common,
      groupId: options.groupId,
      ...(options.instanceId === undefined ? {} : { instanceId: options.instanceId }),
      ...(options.sessionTimeoutMs === undefined ? {} : { sessionTimeoutMs: options.sessionTimeoutMs }),
      gaplessTopics: [this.topics.accounts],
      onConnection: (state) => {
        this.brokersDown = state === "down";
        options.lease.doubt();
        options.onWarning(state === "down" ? "Kafka: no broker can be reached; trying on" : "Kafka: a broker is back");
      },
    });
  }

  /** Connects all clients; the topics need not be there yet. Throws a KafkaError where that cannot be. */
  connect(): Promise<void> {
    this.connected ??= Promise.all([this.market.connect(), this.refusals.connect(), this.accounts.connect()]);
    return this.connected.then(() => undefined);
  }

  /** Joins the group and reads the reference data that is there; then shards are opened. The topics must be there. */
  async start(): Promise<void> {
    await this.connect();
    // Together: what takes longest is the group's answer. The letters also say what the owner before us refused.
    const reference = this.readReference();
    const joined = this.accounts.subscribe([this.topics.accounts], {
      onAssigned: async (partitions) => {
        await Promise.all([reference, this.refusals.refresh()]);
        return this.onAssigned(partitions);
      },
      onRevoked: (partitions) => this.onRevoked(partitions),
    });
    const accounts = joined.then(() => this.guard(this.accountsLoop()));
    // Told of below, by `joined`.
    accounts.catch(() => undefined);
    this.loops = [accounts];
    await Promise.all([joined, reference]);
    await this.assignMarket();
    this.loops.push(this.guard(this.marketLoop()));
  }

  private guard(loop: Promise<void>): Promise<void> {
    return loop.catch((error: Error) => {
      // What is ours is another engine's now, also while we stop.
      if (error instanceof KafkaError && error.code === "KAFKA_FENCED") this.options.lease.doubt();
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
    const held: LogMessage[] = [];
    for (const { partition } of partitions) {
      const { low, high } = await this.market.watermarks(topic, partition);
      if (high > low) ends.set(partition, high);
    }
    // Compaction leaves holes, so the end is reached by position, not by count.
    const deadline = Date.now() + 30_000;
    while (ends.size > 0) {
      for (const message of await this.market.poll(POLL_MESSAGES)) {
        this.count(message);
        const refused = message.payload === null ? null : this.referenceLane.take(message.payload);
        if (refused?.code === REFERENCE_REFUSED) held.push(message);
        else if (refused) await this.deadLetter(message, refused);
      }
      for (const [partition, high] of ends) if (this.market.position(topic, partition) >= high) ends.delete(partition);
      if (Date.now() > deadline) throw new Error(`reading ${topic}: its end was not reached within 30 s`);
    }
    for (const [message, refused] of this.referenceLane.takeHeld(held)) await this.deadLetter(message, refused);
    this.options.table.publish();
  }

  private async assignMarket(): Promise<void> {
    const topic = this.topics.market;
    const count = await this.market.partitionCount(topic);
    const starts = [];
    for (let partition = 0; partition < count; partition++) {
      const { low, high } = await this.market.watermarks(topic, partition);
      const offset = Math.max(low, high - this.options.marketBackfill);
      starts.push({ topic, partition, offset });
      if (offset < high) this.behind.set(partition, high);
    }
    if (this.options.onEngine) starts.push({ topic: this.topics.engines, partition: 0, offset: "beginning" as const });
    await this.market.assign(starts);
    if (this.behind.size === 0) this.options.shards.marketCaughtUp();
  }

  private lookWhetherCaughtUp(): void {
    if (this.behind.size === 0) return;
    for (const [partition, high] of this.behind)
      if (this.market.position(this.topics.market, partition) >= high) this.behind.delete(partition);
    if (this.behind.size === 0) this.options.shards.marketCaughtUp();
  }

  private async onAssigned(partitions: TopicPartition[]): Promise<Map<string, StartOffset>> {
    const starts = new Map<string, StartOffset>();
    await Promise.all(
      partitions.map(async ({ topic, partition }) => {
        this.kept.delete(partition);
        const opened = await this.options.shards.open(partition, await this.accounts.watermarks(topic, partition));
        this.seat(partition, opened);
        starts.set(partitionKey(topic, partition), opened.start);
      }),
    );
    // What was kept and is not among them is somebody else's now.
    await this.giveUpKept();
    this.options.lease.confirm();
    return starts;
  }

  private async onRevoked(partitions: TopicPartition[]): Promise<void> {
    const isLost = !this.options.lease.holds();
    await Promise.all(
      partitions.map(async ({ partition }) => {
        const lane = this.lanes.get(partition);
        if (!lane) return;
        if (lane.paused) this.countPaused(-1);
        this.lanes.delete(partition);
        if (this.brokersDown && !this.stopping) {
          this.kept.set(partition, wallMs());
          await this.options.shards.keep(partition);
        } else await this.options.shards.close(partition, isLost);
      }),
    );
  }

  private async giveUpKept(): Promise<void> {
    const partitions = [...this.kept.keys()];
    this.kept.clear();
    await Promise.all(partitions.map((partition) => this.options.shards.close(partition, true)));
  }

  // The group may also have nothing to hand out to us, and then does not call.
  private lookAfterKept(): void {
    if (this.kept.size === 0) return;
    const now = wallMs();
    for (const [partition, since] of this.kept) {
      if (this.brokersDown) this.kept.set(partition, now);
      else if (now - since > KEPT_MS) {
        this.kept.delete(partition);
        void this.options.shards.close(partition, true);
      }
    }
  }

  private seat(partition: number, { memory, start, ring }: OpenShard): void {
    const lane = new AccountLane(memory, this.options.table);
    this.lanes.set(partition, { lane, ring, paused: false, suspended: false, next: start, seat: ++this.seats });
  }

  /** Ends of the log of a partition that is ours. */
  logEnds(partition: number): Promise<LogEnds> {
    return this.accounts.watermarks(this.topics.accounts, partition);
  }

  /** Gives nothing more to the shard of a partition until it is replaced. */
  suspend(partition: number): void {
    const entry = this.lanes.get(partition);
    if (entry) entry.suspended = true;
  }

  /** The partition goes on in another shard, from where that one is. */
  replace(partition: number, opened: OpenShard): void {
    const before = this.lanes.get(partition);
    // Taken away meanwhile: whoever has it now begins by himself.
    if (!before) return;
    this.seat(partition, opened);
    this.accounts.seek(this.topics.accounts, partition, opened.start);
    if (before.paused) {
      this.countPaused(-1);
      this.accounts.resume([{ topic: this.topics.accounts, partition }]);
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
      this.lookWhetherCaughtUp();
      this.options.stats.set("ingest.marketEvents", this.marketLane.events);
      this.options.stats.set("ingest.referenceEvents", this.referenceLane.events);
      this.options.stats.set("ingest.bookResyncs", this.books.resyncs);
    }
  }

  private async takeMarket(message: LogMessage): Promise<void> {
    this.count(message);
    if (message.topic === this.topics.engines) {
      this.options.onEngine?.(message.key?.toString() ?? null, message.payload);
      return;
    }
    // A tombstone of the compacted topic takes a key away; what it stood for stays known as long as the engine runs.
    if (message.payload === null) return;
    // Only of what is read back: later on the log's clock and ours need not agree.
    const isMarket = message.topic === this.topics.market;
    const isOld = isMarket && message.offset < (this.behind.get(message.partition) ?? 0) && message.timestampMs > 0;
    this.options.table.ageNs = isOld ? Math.max(0, wallMs() - message.timestampMs) * 1e6 : 0;
    const refused =
      message.topic === this.topics.reference ? this.referenceLane.take(message.payload) : this.marketLane.take(message.payload);
    if (!refused) return;
    // The letter may have to wait for room; events that rest on what came before it must not find it untold.
    if (this.options.table.publish()) this.options.shards.marketMoved();
    await this.deadLetter(message, refused);
  }

  private async accountsLoop(): Promise<void> {
    while (!this.stopping) {
      const seats = this.seats;
      const polledNs = monotonicNs();
      const messages = await this.accounts.poll(POLL_MESSAGES);
      for (let i = 0; i < messages.length; i++) {
        const message = messages[i];
        const entry = this.lanes.get(message.partition);
        if (!entry || entry.paused || entry.suspended) continue;
        if (message.offset !== entry.next) {
          // From before the shard was replaced: the log is read again from where the new one begins.
          if (entry.seat > seats) continue;
          const where = `${partitionKey(message.topic, message.partition)} offset ${message.offset}`;
          throw new KafkaError("KAFKA_LOG_GAP", `${where} came where offset ${entry.next} should`);
        }
        if (!(await this.takeAccount(message, entry, polledNs))) this.pause(message, messages, i, entry);
      }
      this.resumeDrained();
      this.lookAfterKept();
      this.noteLag();
    }
  }

  private async takeAccount(message: LogMessage, entry: Lane, polledNs: number): Promise<boolean> {
    const before = entry.lane.events;
    const payload = message.payload ?? new Uint8Array(0);
    if (this.refusals.has(message.partition, message.offset, payload)) {
      if (!entry.lane.skip(message.offset)) return false;
      this.count(message);
      entry.next = message.offset + 1;
      entry.ring();
      return true;
    }
    let taken = entry.lane.offer(payload, message.offset, true);
    if (taken === "unknown") {
      // Its reference data was acknowledged before it was, or never: what `reference` holds now decides, today as after a restart.
      await this.referenceRead(polledNs);
      taken = entry.lane.offer(payload, message.offset);
      // The shard was replaced or taken away meanwhile: the message comes again, or is somebody else's.
      if (this.lanes.get(message.partition) !== entry || entry.suspended) return true;
    }
    if (taken === "full" || taken === "unknown") return false;
    this.count(message);
    this.options.stats.add("ingest.accountEvents", entry.lane.events - before);
    entry.next = message.offset + 1;
    entry.ring();
    if (taken !== "published") {
      this.refusals.add(message.partition, message.offset, payload);
      await this.deadLetter(message, taken);
    }
    return true;
  }

  /** Waits until `reference` has been read to an end that it had after `sinceNs`. */
  private async referenceRead(sinceNs: number): Promise<void> {
    if (this.referenceReadNs >= sinceNs) return;
    const askedNs = monotonicNs();
    const topic = this.topics.reference;
    const partitions = this.market.assignment().filter((each) => each.topic === topic);
    for (const { partition } of partitions) {
      const { high } = await this.market.watermarks(topic, partition);
      while (this.market.position(topic, partition) < high && !this.stopping)
        await new Promise((resolve) => setTimeout(resolve, REFERENCE_LOOK_MS));
    }
    this.referenceReadNs = askedNs;
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
    const { deadLetters } = this.options;
    while (!deadLetters.send(this.topics["dead-letter"], null, letter, key)) await deadLetters.room();
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

  /**
   * Asks the group whether these partitions are ours: it takes a commit from nobody else.
   *
   * @param offsets committed before
   */
  async owns(offsets: { partition: number; offset: number }[]): Promise<boolean> {
    const ours = offsets.filter(({ partition }) => this.lanes.has(partition));
    if (ours.length === 0 || ours.length < this.lanes.size) return false;
    await this.commit(ours);
    return true;
  }

  /** Ends the loops: nothing more is taken from Kafka. */
  async halt(): Promise<void> {
    this.stopping = true;
    await Promise.all(this.loops);
  }

  /** Leaves the group, which closes the shards, and closes all clients. */
  async close(timeoutMs: number): Promise<void> {
    await this.halt();
    await Promise.all([this.accounts.close(timeoutMs), this.market.close(timeoutMs), this.refusals.close(timeoutMs)]);
  }
}
