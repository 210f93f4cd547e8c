// Reads logs from Kafka: pull only, positions owned by the caller. Main thread (node-rdkafka is not context-aware).
//
// Six facts of node-rdkafka and librdkafka shape this file; each has a test.
// 1. consume(n, timeout) waits `timeout` for *each* message: with one message a millisecond, n = 1000 and 10 ms it returns after
//    a second. So poll() drains with timeout 0 and, only when there was nothing, waits for one message.
// 2. consume(n) drops an error that comes after messages of the same call. If it said that a position is outside the log,
//    librdkafka has stopped reading the partition and says no more. So the statistics are watched for partitions that are ours and
//    not read (`#lookForStuck`).
// 3. A batch that fails its checksum is skipped by librdkafka, or asked for again for ever, depending on where it lies in the
//    answer; its error is subject to 2. So offsets are also checked for gaps.
// 4. consume(n) runs in libuv's thread pool: pausing, seeking or unassigning meanwhile races with it. So such changes are made
//    between two native calls, while what poll() delivers obeys them at once.
// 5. Pausing in librdkafka throws away what it has fetched, and resuming fetches it again: some 400 ms from a busy broker. A full
//    ring is free again much sooner. So a pause is at first only ours: what comes is held, and as long as all is paused hardly
//    anything is asked for, so that it waits in librdkafka's queue, which has a limit. Only a partition that stays paused, or of
//    which too much is held, is paused in librdkafka.
// 6. Of a fatal error consume() says "Local: Fatal error" and no more. What happened stands in librdkafka's log, so that is listened to.
//
// Each consumer that waits in poll() occupies one thread of libuv's pool (UV_THREADPOOL_SIZE, 4 by default).

import type { KafkaConsumer, LibrdKafkaError, TopicPartitionOffset } from "node-rdkafka";
import { connectNative, connectTimeoutMs } from "./connect";
import { classifyCode, KafkaError, RD, toKafkaError } from "./errors";
import { codeOfText, native } from "./native";
import { type ConsumerSettingsOptions, consumerSettings, KAFKA_LIMITS } from "./settings";
import { type ClientStatistics, type PartitionStatistics, readStatistics } from "./statistics";

/** One record of a log. */
export interface LogMessage {
  readonly topic: string;
  readonly partition: number;
  /** Position in the partition, 0 and up. */
  readonly offset: number;
  readonly key: Buffer | null;
  /** A copy of its own, at the start of its own ArrayBuffer (so any typed array may look at it); null is a tombstone. */
  readonly payload: Buffer | null;
  /** Milliseconds since the epoch, set by the producer (or the broker, if the topic says so); -1 where there is none. */
  readonly timestampMs: number;
}

export interface TopicPartition {
  topic: string;
  partition: number;
}

/** Where to begin: an offset, or an end of the log as it is now. */
export type StartOffset = number | "beginning" | "end";

export interface RebalanceHandlers {
  /**
   * These partitions are now ours. Answer where each begins; until then nothing of them is read, while poll() may go on for the
   * others. A partition without an answer, or a rejection, is a fatal error.
   *
   * @returns start offset by `partitionKey(topic, partition)`
   */
  onAssigned(partitions: TopicPartition[]): Map<string, StartOffset> | Promise<Map<string, StartOffset>>;
  /**
   * These partitions are about to be taken away: poll() gives no more of them from this moment. The last chance to commit;
   * the group waits for the promise (at most max.poll.interval.ms). After a lost session a commit here is refused.
   */
  onRevoked(partitions: TopicPartition[]): void | Promise<void>;
}

export interface LogConsumerOptions extends ConsumerSettingsOptions {
  /** Deadline of connect(), 10,000 ms by default. */
  connectTimeoutMs?: number;
  /** How long a poll() without messages waits for one, 20 ms by default. */
  pollWaitMs?: number;
  /** What may be held of paused partitions before librdkafka is told to fetch no more of them, KAFKA_LIMITS.heldBytes by default. */
  heldBytesMax?: number;
  /**
   * Topics whose offsets must follow one another. There a hole is an error, KAFKA_LOG_GAP. Leave out compacted topics, and
   * topics written in transactions: their markers take up offsets.
   */
  gaplessTopics?: readonly string[];
  /** Errors that need no answer: the client keeps trying. What needs one is thrown by poll(). */
  onError?(error: KafkaError): void;
  /** Called when the last broker is lost, and when one is back. */
  onConnection?(state: "down" | "up"): void;
}

/** What a consumer knows of one of its partitions. */
export interface PartitionLag extends PartitionStatistics {
  /** Offset that poll() gives next. */
  nextOffset: number;
  /** Messages in the log that poll() has not given yet, 0 and up; -1 where unknown. */
  lagMessages: number;
}

export interface ConsumerStatistics {
  brokerCount: number;
  brokersUp: number;
  /** Messages that were delivered a second time by the client and dropped here. */
  repeatsDropped: number;
  partitions: PartitionLag[];
}

/** The key of `RebalanceHandlers.onAssigned`'s answer. */
export function partitionKey(topic: string, partition: number): string {
  return `${topic}/${partition}`;
}

const DEFAULT_POLL_WAIT_MS = 20;
const DEFAULT_CLOSE_TIMEOUT_MS = 5_000;
const QUERY_TIMEOUT_MS = 5_000;
// After an error that passes, consume() comes back at once; without a pause poll() would spin.
const ERROR_PAUSE_MS = 50;
// A partition may be without a fetcher for a moment (just assigned, leader moving). Seen so in this many statistics in a row, one
// a second, it is stuck.
const STUCK_SIGHTINGS = 2;
// A pause that lasts longer is made in librdkafka too. Until then its callbacks may have to wait behind messages that nobody takes.
const OWN_PAUSE_MS = 500;
// While all is paused: between two looks for callbacks.
const ALL_PAUSED_WAIT_MS = 2;
// Of a message that is held, beside its payload and key.
const HELD_OVERHEAD_BYTES = 512;

/** A partition that is ours. */
interface Partition extends TopicPartition {
  /** Offset expected next from the client. */
  next: number;
  paused: boolean;
  /** On the clock of performance.now(). */
  pausedSinceMs: number;
  /** Paused in librdkafka as well: it has to be told to read on. */
  stopped: boolean;
  /** Being revoked: nothing of it is given. */
  silent: boolean;
  /** The log cannot be read on from `next`: nothing more is taken from the client until a seek. */
  broken: boolean;
  /** Seek that is not yet carried out; what arrives meanwhile is from the old position. */
  seekTo: number | undefined;
  /** Taken from the client, not yet given to the caller: messages of a paused partition, and what was handed back by unread(). */
  held: LogMessage[];
  stuckSightings: number;
}

interface PendingCommit {
  offsets: TopicPartitionOffset[];
  resolve(): void;
  reject(error: KafkaError): void;
}

type NativeMessage = {
  value: Buffer | null;
  key: Buffer | null;
  topic: string;
  partition: number;
  offset: number;
  timestamp: number;
};

/**
 * A consumer of one Kafka cluster, in one of two modes: `subscribe` (a group hands out the partitions) or `assign` (the caller
 * names them). Then `poll` in a loop, also while everything is paused: rebalances, commits, errors and statistics are served there.
 */
export class LogConsumer {
  readonly #options: LogConsumerOptions;
  readonly #gapless: ReadonlySet<string>;
  readonly #pollWaitMs: number;
  readonly #heldBytesMax: number;
  readonly #partitions = new Map<string, Partition>();
  readonly #pendingCommits: PendingCommit[] = [];
  #client: KafkaConsumer | undefined;
  #handlers: RebalanceHandlers | undefined;
  #state: "new" | "open" | "closing" | "closed" = "new";
  /** The native consume() under way; nothing else may touch positions meanwhile. */
  #inFlight: Promise<unknown> | undefined;
  #polling = false;
  /** Changes that wait for the native call to end. */
  #deferred: (() => void)[] = [];
  /** What the poll under way will give. */
  #collected: LogMessage[] | undefined;
  /** The last drain found nothing: wait instead of draining again. */
  #quiet = false;
  #error: KafkaError | undefined;
  /** What librdkafka's log says of its fatal error: there is at most one. */
  #fatalReason: string | undefined;
  #fatal = false;
  #rebalances: Promise<void> = Promise.resolve();
  /** Revocations that are not answered yet. */
  #revocations = 0;
  #statistics: ClientStatistics | undefined;
  #down = false;
  #repeatsDropped = 0;
  /** Of all that is held. */
  #heldBytes = 0;
  #lastSeen: Partition | undefined;
  #closed: Promise<void> | undefined;

  constructor(options: LogConsumerOptions) {
    this.#options = options;
    this.#gapless = new Set(options.gaplessTopics ?? []);
    this.#pollWaitMs = options.pollWaitMs ?? DEFAULT_POLL_WAIT_MS;
    this.#heldBytesMax = options.heldBytesMax ?? KAFKA_LIMITS.heldBytes;
  }

  /**
   * Connects and waits until a broker has answered.
   *
   * @throws KafkaError KAFKA_UNAVAILABLE after connectTimeoutMs; KAFKA_CONFIG for a setting librdkafka refuses. The consumer is
   *   of no use afterwards: make a new one.
   */
  async connect(): Promise<void> {
    if (this.#state !== "new") throw new KafkaError("KAFKA_CLOSED", `connect: the consumer is ${this.#state}`);
    const [global, perTopic] = consumerSettings(this.#options);
    const { KafkaConsumer: NativeConsumer } = native();
    let client: KafkaConsumer;
    try {
      client = new NativeConsumer(
        {
          ...global,
          rebalance_cb: (error: LibrdKafkaError, partitions: TopicPartition[]) => this.#onRebalance(error, partitions),
          offset_commit_cb: (error: LibrdKafkaError, offsets: TopicPartitionOffset[]) => this.#onCommitted(error, offsets),
        } as ConstructorParameters<typeof NativeConsumer>[0],
        perTopic as ConstructorParameters<typeof NativeConsumer>[1],
      );
    } catch (error) {
      throw new KafkaError("KAFKA_CONFIG", `connect: ${error instanceof Error ? error.message : String(error)}`);
    }
    this.#state = "open";
    this.#client = client;
    client.on("event.error", (error) => this.#onEventError(error));
    client.on("event.log", ({ fac, message }: { fac: string; message: string }) => {
      if (fac === "FATAL") this.#fatalReason = message;
    });
    client.on("event.stats", (event: { message: string }) => this.#onStatistics(event.message));

    try {
      await connectNative(client, this.#options);
    } catch (error) {
      this.#state = "closed";
      throw error;
    }
    client.setDefaultConsumeTimeout(0);
  }

  /**
   * Group mode: the group hands out the partitions of these topics (cooperatively: those that stay are not interrupted).
   * Returns once asked for; assignments arrive during later poll() calls.
   *
   * @throws KafkaError KAFKA_TOPIC_UNKNOWN for a topic that does not exist
   */
  async subscribe(topics: readonly string[], handlers: RebalanceHandlers): Promise<void> {
    const client = this.#open("subscribe");
    if (this.#handlers !== undefined || this.#partitions.size > 0) {
      throw new KafkaError("KAFKA_CLOSED", "subscribe: the consumer has topics already; make another consumer");
    }
    this.#handlers = handlers;
    for (const topic of topics) await this.partitionCount(topic);
    try {
      client.subscribe([...topics]);
    } catch (error) {
      throw toKafkaError(error, `subscribing to ${topics.join(", ")}`);
    }
  }

  /**
   * Manual mode: adds these partitions, each from its offset.
   *
   * @throws KafkaError KAFKA_TOPIC_UNKNOWN, KAFKA_OFFSET_OUT_OF_RANGE (the log begins after, or ends before, the offset);
   *   nothing is added then
   */
  async assign(partitions: readonly (TopicPartition & { offset: StartOffset })[]): Promise<void> {
    this.#open("assign");
    if (this.#handlers !== undefined) throw new KafkaError("KAFKA_CLOSED", "assign: the consumer is in group mode");
    for (const { topic, partition } of partitions) {
      if (this.#partitions.has(partitionKey(topic, partition))) {
        throw new KafkaError("KAFKA_CLOSED", `assign: ${partitionKey(topic, partition)} is assigned already; use seek`);
      }
    }
    for (const topic of new Set(partitions.map((entry) => entry.topic))) {
      const count = await this.partitionCount(topic);
      const wrong = partitions.find((entry) => entry.topic === topic && !(entry.partition >= 0 && entry.partition < count));
      if (wrong !== undefined) {
        const detail = `topic ${topic} has partitions 0 to ${count - 1}; there is no partition ${wrong.partition}`;
        throw new KafkaError("KAFKA_TOPIC_UNKNOWN", detail);
      }
    }
    const timeoutMs = connectTimeoutMs(this.#options);
    await this.#add(await this.#resolveStarts(partitions, performance.now() + timeoutMs));
  }

  /** Manual mode: stops reading these partitions; what was held of them is dropped. */
  async unassign(partitions: readonly TopicPartition[]): Promise<void> {
    this.#open("unassign");
    if (this.#handlers !== undefined) throw new KafkaError("KAFKA_CLOSED", "unassign: the consumer is in group mode");
    for (const { topic, partition } of partitions) this.#silence(this.#known(topic, partition));
    await this.#remove(partitions);
  }

  /** Connected and not closing: poll() may be called. */
  get isOpen(): boolean {
    return this.#state === "open";
  }

  /** The partitions that are ours now. */
  assignment(): TopicPartition[] {
    return [...this.#partitions.values()].map(({ topic, partition }) => ({ topic, partition }));
  }

  /**
   * The next messages, in order within each partition; at most `max`. Empty when none came within pollWaitMs. One call at a time.
   *
   * @throws KafkaError of kind "config" or "fatal": the log cannot be read on as it is. Errors that pass go to onError.
   */
  async poll(max: number): Promise<LogMessage[]> {
    this.#open("poll");
    if (this.#polling) throw new KafkaError("KAFKA_CLOSED", "poll: the previous poll has not ended");
    if (!(Number.isInteger(max) && max >= 1)) throw new KafkaError("KAFKA_CONFIG", `poll: max must be 1 or more, not ${max}`);
    this.#polling = true;
    try {
      this.#throwPending();
      const messages: LogMessage[] = [];
      this.#collected = messages;
      this.#stopPaused();
      if (this.#allPaused()) {
        await new Promise((resolve) => setTimeout(resolve, ALL_PAUSED_WAIT_MS));
        if (this.#state === "open") await this.#consume(1, 0, messages, max);
      } else {
        this.#takeHeld(messages, max);
        if (messages.length > 0 || !this.#quiet) {
          // At least one even when the caller's share is full: held messages must not keep rebalances from being served.
          const came = await this.#consume(Math.max(1, max - messages.length), 0, messages, max);
          this.#quiet = came === 0 && messages.length === 0;
        }
        if (this.#quiet && this.#state === "open") this.#quiet = (await this.#consume(1, this.#pollWaitMs, messages, max)) === 0;
      }
      // An error waits until what came before it has been given.
      if (messages.length === 0) this.#throwPending();
      return messages;
    } finally {
      this.#polling = false;
      this.#collected = undefined;
    }
  }

  /**
   * Hands back messages that poll() gave and the caller could not take (a full ring): they come first when their partition is
   * polled again, or after resume if it is paused. Messages of partitions that are no longer ours are dropped.
   *
   * @param messages in the order they came; of each partition, all from some message on
   */
  unread(messages: readonly LogMessage[]): void {
    const byPartition = new Map<Partition, LogMessage[]>();
    for (const message of messages) {
      const state = this.#partitions.get(partitionKey(message.topic, message.partition));
      if (state === undefined || state.silent || state.seekTo !== undefined) continue;
      const list = byPartition.get(state);
      if (list === undefined) byPartition.set(state, [message]);
      else list.push(message);
    }
    for (const [state, list] of byPartition) {
      const after = state.held[0]?.offset ?? state.next;
      const last = list[list.length - 1]!;
      if (last.offset >= after) {
        throw new KafkaError("KAFKA_CLOSED", `unread: ${describe(last)} was not the last message given of its partition`);
      }
      this.#holdFirst(state, list);
    }
  }

  /**
   * poll() gives nothing more of these partitions until resume. Nothing is lost: what had been fetched is kept back.
   *
   * @throws KafkaError KAFKA_CLOSED for a partition that is not ours
   */
  pause(partitions: readonly TopicPartition[]): void {
    this.#open("pause");
    for (const { topic, partition } of partitions) {
      const state = this.#known(topic, partition);
      if (!state.paused) state.pausedSinceMs = performance.now();
      state.paused = true;
      this.#holdFirst(state, this.#withdraw(state));
    }
  }

  /** Pauses in librdkafka what has been paused for long, or all where too much is held. See fact 5 at the head of this file. */
  #stopPaused(): void {
    const sinceMs = this.#heldBytes > this.#heldBytesMax ? Number.POSITIVE_INFINITY : performance.now() - OWN_PAUSE_MS;
    const stopping: Partition[] = [];
    for (const state of this.#partitions.values())
      if (state.paused && !state.stopped && state.pausedSinceMs < sinceMs) stopping.push(state);
    if (stopping.length === 0) return;
    for (const state of stopping) state.stopped = true;
    this.#betweenCalls(() => this.#native(() => this.#client!.pause(this.#ours(stopping, (state) => state.stopped)), "pausing"));
  }

  #allPaused(): boolean {
    for (const state of this.#partitions.values()) if (!state.paused) return false;
    return this.#partitions.size > 0;
  }

  /**
   * Undoes pause. What was held comes at once; where librdkafka has to fetch again, its next message comes within fetchWaitMaxMs and
   * the time that takes.
   */
  resume(partitions: readonly TopicPartition[]): void {
    this.#open("resume");
    for (const { topic, partition } of partitions) {
      const state = this.#known(topic, partition);
      if (!state.paused) continue;
      state.paused = false;
      if (state.stopped) this.#betweenCalls(() => this.#restart(state));
    }
  }

  /**
   * The next message poll() gives of this partition is the one at `offset`, 0 or more. Also the way on past a gap.
   */
  seek(topic: string, partition: number, offset: number): void {
    this.#open("seek");
    if (!Number.isSafeInteger(offset) || offset < 0) {
      throw new KafkaError(
        "KAFKA_CONFIG",
        `seek: the offset of ${partitionKey(topic, partition)} must be 0 or more, not ${offset}`,
      );
    }
    const state = this.#known(topic, partition);
    state.seekTo = offset;
    this.#withdraw(state);
    this.#dropHeld(state);
    state.broken = false;
    if (!state.stopped) this.#betweenCalls(() => this.#restart(state)); // one that is stopped moves when it resumes
  }

  /** Offset that poll() gives next of a partition of ours. */
  position(topic: string, partition: number): number {
    const state = this.#known(topic, partition);
    return state.seekTo ?? state.held[0]?.offset ?? state.next;
  }

  /**
   * Ends of a partition's log, asked from the broker: `low` is the oldest offset there is, `high` the one the next message gets.
   *
   * @throws KafkaError KAFKA_TIMEOUT or KAFKA_UNAVAILABLE without a broker
   */
  watermarks(topic: string, partition: number, timeoutMs = QUERY_TIMEOUT_MS): Promise<{ low: number; high: number }> {
    const client = this.#open("watermarks");
    return new Promise((resolve, reject) => {
      client.queryWatermarkOffsets(topic, partition, timeoutMs, (error, offsets) => {
        if (error) reject(toKafkaError(error, `asking for the offsets of ${partitionKey(topic, partition)}`));
        else resolve({ low: offsets.lowOffset, high: offsets.highOffset });
      });
    });
  }

  /**
   * Number of partitions of a topic.
   *
   * @throws KafkaError KAFKA_TOPIC_UNKNOWN where there is no such topic
   */
  partitionCount(topic: string): Promise<number> {
    const client = this.#open("partitionCount");
    return new Promise((resolve, reject) => {
      client.getMetadata({ topic, timeout: QUERY_TIMEOUT_MS, allTopics: false }, (error, metadata) => {
        if (error) return reject(toKafkaError(error, `asking for topic ${topic}`));
        const count = metadata.topics.find((entry) => entry.name === topic)?.partitions.length ?? 0;
        if (count > 0) return resolve(count);
        return reject(new KafkaError("KAFKA_TOPIC_UNKNOWN", `topic ${topic} does not exist at ${this.#options.brokers}`));
      });
    });
  }

  /**
   * Commits positions to the group: `offset` is the next message to read. Settles when the broker has answered, which is served
   * by poll().
   *
   * @throws KafkaError KAFKA_NOT_OWNER if the group has given the partition to another member
   */
  commit(offsets: readonly (TopicPartition & { offset: number })[]): Promise<void> {
    // Also while closing: onRevoked may commit what it has.
    const client = this.#state === "closing" ? this.#client! : this.#open("commit");
    if (offsets.length === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const pending: PendingCommit = { offsets: offsets.map((entry) => ({ ...entry })), resolve, reject };
      this.#pendingCommits.push(pending);
      try {
        client.commit(pending.offsets);
      } catch (error) {
        this.#pendingCommits.splice(this.#pendingCommits.indexOf(pending), 1);
        reject(toKafkaError(error, "committing offsets"));
      }
    });
  }

  /** Offsets committed by the group, -1 where there is none. */
  committed(
    partitions: readonly TopicPartition[],
    timeoutMs = QUERY_TIMEOUT_MS,
  ): Promise<(TopicPartition & { offset: number })[]> {
    const client = this.#open("committed");
    return new Promise((resolve, reject) => {
      client.committed([...partitions], timeoutMs, (error, offsets) => {
        if (error) return reject(toKafkaError(error, "asking for committed offsets"));
        return resolve(offsets.map(({ topic, partition, offset }) => ({ topic, partition, offset: offset ?? -1 })));
      });
    });
  }

  /** As of the last statistics, one a second while poll() runs; undefined before the first. */
  statistics(): ConsumerStatistics | undefined {
    if (this.#statistics === undefined) return undefined;
    const partitions: PartitionLag[] = [];
    for (const entry of this.#statistics.partitions) {
      const state = this.#partitions.get(partitionKey(entry.topic, entry.partition));
      if (state === undefined) continue;
      const nextOffset = state.seekTo ?? state.held[0]?.offset ?? state.next;
      const lagMessages = entry.highOffset >= 0 ? Math.max(0, entry.highOffset - nextOffset) : -1;
      partitions.push({ ...entry, nextOffset, lagMessages });
    }
    const { brokerCount, brokersUp } = this.#statistics;
    return { brokerCount, brokersUp, repeatsDropped: this.#repeatsDropped, partitions };
  }

  /**
   * Leaves the group, ends the last native call, disconnects once. onRevoked is called for what was ours, unless the client had a
   * fatal error. Never throws; what does not end in time is left behind and told to onError.
   *
   * @param timeoutMs for all of it together
   */
  close(timeoutMs = DEFAULT_CLOSE_TIMEOUT_MS): Promise<void> {
    this.#closed ??= this.#close(timeoutMs);
    return this.#closed;
  }

  async #close(timeoutMs: number): Promise<void> {
    const client = this.#client;
    if (client === undefined || this.#state === "closed") {
      this.#state = "closed";
      return;
    }
    this.#state = "closing";
    const deadline = performance.now() + timeoutMs;
    const left = () => Math.max(0, deadline - performance.now());
    let timer: NodeJS.Timeout | undefined;
    const end = async () => {
      await this.#inFlight;
      // After a fatal error librdkafka serves no revocation any more.
      if (this.#handlers !== undefined && !this.#fatal) await this.#leaveGroup(client, left);
      await new Promise<void>((resolve) => client.disconnect(() => resolve()));
      return true;
    };
    const ended = await Promise.race([
      end(),
      new Promise<boolean>((resolve) => {
        timer = setTimeout(() => resolve(false), timeoutMs);
      }),
    ]);
    clearTimeout(timer);
    this.#state = "closed";
    for (const pending of this.#pendingCommits.splice(0)) {
      pending.reject(new KafkaError("KAFKA_CLOSED", "committing offsets: the consumer was closed before the broker answered"));
    }
    if (!ended) this.#report(new KafkaError("KAFKA_TIMEOUT", `the consumer did not close within ${timeoutMs} ms`));
  }

  /** Gives the partitions back in order, so that onRevoked runs while commits are still possible. */
  async #leaveGroup(client: KafkaConsumer, left: () => number): Promise<void> {
    this.#native(() => client.unsubscribe(), "leaving the group");
    // Answers to commits and the revocation are served by consume(); messages that come along are not wanted any more.
    const busy = () => this.#partitions.size > 0 || this.#pendingCommits.length > 0;
    while (busy() && left() > 0) {
      await this.#consume(1, Math.ceil(Math.min(20, left())), [], 0);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await this.#rebalances;
  }

  // --- fetching ---

  /**
   * One native consume(), its messages sorted out into `into` (up to `room` of them, the rest held). Returns how many came.
   */
  async #consume(count: number, waitMs: number, into: LogMessage[], room: number): Promise<number> {
    const client = this.#client!;
    client.setDefaultConsumeTimeout(waitMs);
    let failure: LibrdKafkaError | undefined;
    let came = 0;
    this.#inFlight = new Promise<void>((resolve) => {
      client.consume(count, (error, messages) => {
        this.#inFlight = undefined;
        if (error) failure = error;
        else {
          came = messages.length;
          this.#sortOut(messages as unknown as NativeMessage[], into, room);
        }
        for (const change of this.#deferred.splice(0)) change();
        resolve();
      });
    });
    await this.#inFlight;
    if (failure !== undefined) await this.#onConsumeError(failure);
    return came;
  }

  #sortOut(messages: NativeMessage[], into: LogMessage[], room: number): void {
    for (const message of messages) {
      let state = this.#lastSeen;
      if (state === undefined || state.partition !== message.partition || state.topic !== message.topic) {
        state = this.#partitions.get(partitionKey(message.topic, message.partition));
        this.#lastSeen = state;
      }
      if (state === undefined || state.silent || state.broken || state.seekTo !== undefined) continue;
      if (message.offset < state.next) {
        this.#repeatsDropped++;
        continue;
      }
      if (message.offset > state.next && this.#gapless.has(state.topic)) {
        state.broken = true;
        this.#error ??= gapError(state, message.offset);
        continue;
      }
      state.next = message.offset + 1;
      const { topic, partition } = state; // one string for all messages instead of one each
      const { offset, key, value: payload, timestamp: timestampMs } = message;
      const given: LogMessage = { topic, partition, offset, key, payload, timestampMs };
      if (state.paused || state.held.length > 0 || into.length >= room) {
        state.held.push(given);
        this.#heldBytes += bytesOf(given);
      } else into.push(given);
    }
  }

  /** What is held of partitions that may be read. */
  #takeHeld(into: LogMessage[], max: number): void {
    for (const state of this.#partitions.values()) {
      if (state.held.length === 0 || state.paused || state.silent) continue;
      const taken = state.held.splice(0, max - into.length);
      for (const message of taken) {
        into.push(message);
        this.#heldBytes -= bytesOf(message);
      }
      if (into.length >= max) return;
    }
  }

  /** Before what is held of it already. */
  #holdFirst(state: Partition, messages: LogMessage[]): void {
    if (messages.length === 0) return;
    state.held = messages.concat(state.held);
    for (const message of messages) this.#heldBytes += bytesOf(message);
  }

  #dropHeld(state: Partition): void {
    for (const message of state.held) this.#heldBytes -= bytesOf(message);
    state.held = [];
  }

  /** Takes back what a poll under way has collected of a partition and not yet given. */
  #withdraw(state: Partition): LogMessage[] {
    const collected = this.#collected;
    if (collected === undefined) return [];
    const belongs = ({ topic, partition }: LogMessage) => partition === state.partition && topic === state.topic;
    const withdrawn = collected.filter(belongs);
    if (withdrawn.length > 0) {
      const others = collected.filter((message) => !belongs(message));
      collected.length = 0;
      for (const message of others) collected.push(message);
    }
    return withdrawn;
  }

  #throwPending(): void {
    const error = this.#error;
    if (error === undefined) return;
    this.#error = undefined;
    throw error;
  }

  // --- errors ---

  async #onConsumeError(failure: LibrdKafkaError): Promise<void> {
    if (failure.code === RD.TIMED_OUT || failure.code === RD.TIMED_OUT_QUEUE) return;
    if (this.#state !== "open") return;
    if (failure.code === RD.AUTO_OFFSET_RESET) {
      await this.#lookOutOfRange([...this.#partitions.values()]);
      return;
    }
    if (failure.code === RD.FATAL) {
      this.#error ??= await this.#fatalError(failure);
      return;
    }
    const error = toKafkaError(failure, `reading from Kafka at ${this.#options.brokers}`);
    if (error.code === "KAFKA_LOG_GAP") {
      await this.#lookDamaged(error);
    } else if (error.kind === "retriable") {
      this.#report(error);
      await new Promise((resolve) => setTimeout(resolve, ERROR_PAUSE_MS));
    } else {
      this.#error ??= error;
    }
  }

  /**
   * librdkafka says that a position is outside the log, but not which (node-rdkafka drops the name): ask for the ends of each.
   */
  async #lookOutOfRange(candidates: Partition[]): Promise<void> {
    for (const state of candidates) {
      if (state.silent || state.broken || state.seekTo !== undefined) continue;
      const { next } = state;
      let ends: { low: number; high: number };
      try {
        ends = await this.watermarks(state.topic, state.partition);
      } catch (error) {
        this.#report(toKafkaError(error, "looking for the partition whose position is out of range"));
        continue; // the statistics will show it again
      }
      // It was read, moved or taken away while the broker answered: these are the ends of a log that has grown since.
      if (state.next !== next || state.silent || state.seekTo !== undefined) continue;
      const outOfRange = rangeError(state, next, ends);
      if (outOfRange !== undefined) {
        state.broken = true;
        this.#error ??= outOfRange;
      } else if (state.stuckSightings >= STUCK_SIGHTINGS) {
        // In range and yet not read: begin again where we are.
        state.stuckSightings = 0;
        this.#betweenCalls(() => {
          if (state.seekTo === undefined && !state.silent && !state.stopped) this.#restart(state);
        });
      }
    }
  }

  /** Fact 6 at the head of this file. */
  async #fatalError(failure: LibrdKafkaError): Promise<KafkaError> {
    this.#fatal = true;
    // The log was written first, but may reach this thread in the same turn as the error.
    await new Promise((resolve) => setImmediate(resolve));
    const { brokers, groupId, instanceId } = this.#options;
    const reason = this.#fatalReason?.replace(/^.*?Fatal error: /, "") ?? failure.message;
    const code = codeOfText(/^(?:Local|Broker): [^:]+/.exec(reason)?.[0] ?? "");
    if (classifyCode(code) !== "KAFKA_FENCED") {
      return new KafkaError("KAFKA_FATAL", `reading from Kafka at ${brokers}: ${reason}`, failure.code);
    }
    return new KafkaError(
      "KAFKA_FENCED",
      `another engine named ${instanceId} joined the group ${groupId} and has this one's partitions (Kafka fenced the group instance id)`,
      code,
    );
  }

  /** librdkafka says that a batch failed its checksum, but not where: it is a partition that has more than we got. */
  async #lookDamaged(failure: KafkaError): Promise<void> {
    const places: string[] = [];
    for (const { topic, partition, next, stopped } of [...this.#partitions.values()]) {
      if (stopped) continue;
      const high = await this.watermarks(topic, partition).then(
        (ends) => ends.high,
        () => Number.POSITIVE_INFINITY, // not known: it may be this one
      );
      if (next < high) places.push(`${partitionKey(topic, partition)} from offset ${next} on`);
    }
    const where = places.length > 0 ? places.join(", or ") : [...this.#partitions.keys()].join(", or ");
    this.#error ??= new KafkaError("KAFKA_LOG_GAP", `a batch of messages failed its checksum: ${where}`, failure.nativeCode);
  }

  #onEventError(error: LibrdKafkaError): void {
    // Error events carry librdkafka's text without its number.
    const code = typeof error.code === "number" && error.code !== -1 ? error.code : codeOfText(error.message);
    const classified = toKafkaError({ code, message: error.message }, `Kafka at ${this.#options.brokers}`);
    if (code === RD.ALL_BROKERS_DOWN) this.#setDown(true);
    if (classified.kind === "retriable" || code === -1) this.#report(classified);
    else this.#error ??= classified;
  }

  #setDown(down: boolean): void {
    if (this.#down === down) return;
    this.#down = down;
    if (this.#state === "open") this.#options.onConnection?.(down ? "down" : "up");
  }

  #report(error: KafkaError): void {
    this.#options.onError?.(error);
  }

  #onStatistics(json: string): void {
    this.#statistics = readStatistics(json);
    if (this.#statistics.brokersUp > 0) this.#setDown(false);
    if (this.#state === "open") this.#lookForStuck(this.#statistics);
  }

  /** Fact 2 at the head of this file. */
  #lookForStuck(statistics: ClientStatistics): void {
    const stuck: Partition[] = [];
    for (const entry of statistics.partitions) {
      const state = this.#partitions.get(partitionKey(entry.topic, entry.partition));
      if (state === undefined || state.stopped || state.silent || state.broken || state.seekTo !== undefined) continue;
      state.stuckSightings = entry.fetchState === "none" ? state.stuckSightings + 1 : 0;
      if (state.stuckSightings >= STUCK_SIGHTINGS) stuck.push(state);
    }
    if (stuck.length > 0) void this.#lookOutOfRange(stuck);
  }

  // --- positions ---

  /**
   * Turns "beginning" and "end" into offsets and refuses those the log does not hold. Errors that pass (a leader being elected, a
   * broker coming back) are waited out.
   *
   * @param giveUpAt on the clock of performance.now()
   */
  async #resolveStarts(
    partitions: readonly (TopicPartition & { offset: StartOffset })[],
    giveUpAt: number,
  ): Promise<(TopicPartition & { offset: number })[]> {
    const resolved: (TopicPartition & { offset: number })[] = [];
    for (const { topic, partition, offset } of partitions) {
      if (typeof offset === "number" && !(Number.isSafeInteger(offset) && offset >= 0)) {
        throw new KafkaError(
          "KAFKA_CONFIG",
          `the start offset of ${partitionKey(topic, partition)} must be 0 or more, not ${offset}`,
        );
      }
      let ends: { low: number; high: number } | undefined;
      while (ends === undefined) {
        try {
          ends = await this.watermarks(topic, partition);
        } catch (error) {
          if (!(error instanceof KafkaError) || error.kind !== "retriable" || performance.now() > giveUpAt) throw error;
          this.#report(error);
          await new Promise((resolve) => setTimeout(resolve, ERROR_PAUSE_MS));
        }
      }
      const start = offset === "beginning" ? ends.low : offset === "end" ? ends.high : offset;
      const outOfRange = rangeError({ topic, partition }, start, ends);
      if (outOfRange !== undefined) throw outOfRange;
      resolved.push({ topic, partition, offset: start });
    }
    return resolved;
  }

  #add(partitions: readonly (TopicPartition & { offset: number })[]): Promise<void> {
    return this.#changed(() => {
      const client = this.#client!;
      for (const { topic, partition, offset } of partitions) {
        this.#partitions.set(partitionKey(topic, partition), {
          topic,
          partition,
          next: offset,
          paused: false,
          pausedSinceMs: 0,
          stopped: false,
          silent: false,
          broken: false,
          seekTo: undefined,
          held: [],
          stuckSightings: 0,
        });
      }
      client.incrementalAssign(partitions.map((entry) => ({ ...entry })));
      // librdkafka remembers a pause across assignments: a partition that comes back must not come back paused.
      client.resume(partitions.map(({ topic, partition }) => ({ topic, partition })));
    });
  }

  #remove(partitions: readonly TopicPartition[]): Promise<void> {
    return this.#changed(() => {
      const ours = this.#ours(partitions, () => true);
      for (const { topic, partition } of ours) this.#partitions.delete(partitionKey(topic, partition));
      this.#lastSeen = undefined;
      // Only what was really assigned: librdkafka refuses the others, and then waits for ever for its answer. With nothing left
      // (the assignment could not be prepared) the empty list is the answer.
      this.#client!.incrementalUnassign(ours);
    });
  }

  /**
   * Has the client read a partition anew, from its seek or from where it is. By taking it out of the assignment and putting it
   * back: librdkafka's own seek works only on a partition that is being read (after an error it is not), and its own resume does
   * not wake the fetching thread, which sleeps for up to a second.
   */
  #restart(state: Partition): void {
    const { topic, partition } = state;
    if ((state.stopped && state.paused) || this.#partitions.get(partitionKey(topic, partition)) !== state) return;
    if (this.#revocations > 0) {
      // librdkafka would take it for the answer, and the group would not wait for onRevoked.
      void this.#rebalances.then(() => this.#betweenCalls(() => this.#restart(state)));
      return;
    }
    const offset = state.seekTo ?? state.next;
    this.#native(
      () => {
        this.#client!.incrementalUnassign([{ topic, partition }]);
        this.#client!.incrementalAssign([{ topic, partition, offset } as TopicPartition]);
        this.#client!.resume([{ topic, partition }]); // librdkafka remembers a pause across assignments
      },
      `reading ${partitionKey(topic, partition)} from ${offset}`,
    );
    state.stopped = false;
    state.seekTo = undefined;
    state.next = offset;
    state.stuckSightings = 0;
  }

  /** Runs a change now, or when the native call under way has ended; settles when it was made. */
  #changed(change: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#betweenCalls(() => {
        try {
          change();
          resolve();
        } catch (error) {
          reject(toKafkaError(error, "changing the assignment"));
        }
      });
    });
  }

  #betweenCalls(change: () => void): void {
    if (this.#inFlight === undefined) change();
    else this.#deferred.push(change);
  }

  #native(call: () => void, doing: string): void {
    try {
      call();
    } catch (error) {
      this.#error ??= toKafkaError(error, doing);
    }
  }

  // --- group ---

  #onRebalance(event: LibrdKafkaError, partitions: TopicPartition[]): void {
    const list = partitions.map(({ topic, partition }) => ({ topic, partition }));
    const assigned = event.code === RD.ASSIGN_PARTITIONS;
    if (!assigned) {
      this.#revocations++;
      for (const { topic, partition } of list) {
        const state = this.#partitions.get(partitionKey(topic, partition));
        if (state !== undefined) this.#silence(state);
      }
    }
    // One after the other: an assignment that is still being prepared is finished before it is taken away.
    this.#rebalances = this.#rebalances.then(() => (assigned ? this.#onAssigned(list) : this.#onRevoked(list)));
  }

  async #onAssigned(partitions: TopicPartition[]): Promise<void> {
    let starts: (TopicPartition & { offset: number })[] = [];
    try {
      if (this.#state === "open" && partitions.length > 0) {
        const answer = await this.#handlers!.onAssigned(partitions);
        const wanted = partitions.map(({ topic, partition }) => {
          const offset = answer.get(partitionKey(topic, partition));
          if (offset === undefined) {
            throw new KafkaError("KAFKA_FATAL", `no start offset was given for ${partitionKey(topic, partition)}`);
          }
          return { topic, partition, offset };
        });
        starts = await this.#resolveStarts(wanted, Number.POSITIVE_INFINITY);
      }
    } catch (error) {
      // The group believes that we read these partitions and we do not: the caller must stop, and poll() says so.
      this.#error ??= error instanceof KafkaError ? error : toKafkaError(error, "preparing assigned partitions");
    }
    try {
      // Answered in any case, also with nothing: until then librdkafka takes part in no further rebalance.
      await this.#add(starts);
    } catch (error) {
      if (this.#state === "open") this.#error ??= toKafkaError(error, "taking over assigned partitions");
    }
  }

  async #onRevoked(partitions: TopicPartition[]): Promise<void> {
    try {
      await this.#handlers?.onRevoked(partitions);
    } catch (error) {
      this.#report(toKafkaError(error, "giving up partitions"));
    }
    try {
      await this.#remove(partitions);
    } catch (error) {
      if (this.#state === "open") this.#error ??= toKafkaError(error, "giving up partitions");
    }
    this.#revocations--;
  }

  #onCommitted(error: LibrdKafkaError | undefined, offsets: TopicPartitionOffset[]): void {
    const index = this.#pendingCommits.findIndex(
      (pending) =>
        pending.offsets.length === offsets.length &&
        pending.offsets.every((wanted) =>
          offsets.some(
            (done) => done.topic === wanted.topic && done.partition === wanted.partition && done.offset === wanted.offset,
          ),
        ),
    );
    if (index < 0) return;
    const [pending] = this.#pendingCommits.splice(index, 1);
    const code = error?.code ?? offsets.map((entry) => (entry as { error?: number }).error ?? 0).find((each) => each !== 0);
    if (code === undefined || code === 0) pending!.resolve();
    else pending!.reject(toKafkaError({ code, message: error?.message ?? `error ${code}` }, "committing offsets"));
  }

  /** Nothing more of it is given; what was not given stays in the log, and position() says where. */
  #silence(state: Partition): void {
    const first = this.#withdraw(state)[0] ?? state.held[0];
    if (first !== undefined) state.next = first.offset;
    this.#dropHeld(state);
    state.silent = true;
  }

  // --- small things ---

  #open(doing: string): KafkaConsumer {
    if (this.#state !== "open") {
      const state = this.#state === "new" ? "not connected" : this.#state;
      throw new KafkaError("KAFKA_CLOSED", `${doing}: the consumer is ${state}`);
    }
    return this.#client!;
  }

  #known(topic: string, partition: number): Partition {
    const state = this.#partitions.get(partitionKey(topic, partition));
    if (state === undefined)
      throw new KafkaError("KAFKA_CLOSED", `${partitionKey(topic, partition)} is not assigned to this consumer`);
    return state;
  }

  #ours(partitions: readonly TopicPartition[], wanted: (state: Partition) => boolean): TopicPartition[] {
    return partitions
      .filter(({ topic, partition }) => {
        const state = this.#partitions.get(partitionKey(topic, partition));
        return state !== undefined && wanted(state);
      })
      .map(({ topic, partition }) => ({ topic, partition }));
  }
}

/** What holding it takes. */
function bytesOf({ payload, key }: LogMessage): number {
  return HELD_OVERHEAD_BYTES + (payload?.length ?? 0) + (key?.length ?? 0);
}

function describe({ topic, partition, offset }: LogMessage): string {
  return `${partitionKey(topic, partition)} offset ${offset}`;
}

function rangeError(at: TopicPartition, offset: number, { low, high }: { low: number; high: number }): KafkaError | undefined {
  if (offset >= low && offset <= high) return undefined;
  const name = partitionKey(at.topic, at.partition);
  const reason =
    offset < low
      ? `${low - offset} messages we have not read were deleted from it (retention, or the topic was truncated)`
      : "it is shorter than what we have read (the topic was recreated, or the broker lost data)";
  return new KafkaError(
    "KAFKA_OFFSET_OUT_OF_RANGE",
    `${name}: next offset is ${offset} but the log holds ${low} to ${high - 1}: ${reason}`,
    RD.AUTO_OFFSET_RESET,
  );
}

function gapError(state: Partition, gotOffset: number): KafkaError {
  const last = gotOffset - 1;
  const which = last === state.next ? `offset ${last} is` : `offsets ${state.next} to ${last} are`;
  return new KafkaError(
    "KAFKA_LOG_GAP",
    `${partitionKey(state.topic, state.partition)}: ${which} missing from the log: the messages failed their checksum, ` +
      "were compacted away, or are markers of a transaction",
  );
}
