// Writes to Kafka: alerts, liquidations and dead letters of the engine, and whole logs from the replay tool. Main thread
// (node-rdkafka is not context-aware). Idempotent: a request that is retried leaves each message once and in order.
// Back-pressure is a return value: send() answers false when the queue is full.

import type { LibrdKafkaError, Producer } from "node-rdkafka";
import { connectNative } from "./connect";
import { KafkaError, RD, toKafkaError } from "./errors";
import { codeOfText, native } from "./native";
import { type ProducerSettingsOptions, producerSettings } from "./settings";

export interface LogProducerOptions extends ProducerSettingsOptions {
  /** Deadline of connect(), 10,000 ms by default. */
  connectTimeoutMs?: number;
  /** Errors of the connection; the client keeps trying. Failed messages are told to their onDelivery and counted. */
  onError?(error: KafkaError): void;
}

/** Where a message ended up. */
export interface Delivery {
  topic: string;
  partition: number;
  offset: number;
}

export interface SendOptions {
  /** Milliseconds since the epoch; the time of sending where absent. */
  timestampMs?: number;
  headers?: Record<string, string | Buffer>;
  /**
   * Called once: when the brokers have the message, or when it is given up. Not called if send() returned false. Needs
   * `reports: "each"`.
   */
  onDelivery?(error: KafkaError | null, delivery: Delivery | null): void;
}

export interface ProducerCounters {
  /** Taken into the queue. */
  sent: number;
  /** Confirmed by the brokers. With `reports: "failures"` it is brought up to date by a flush that leaves nothing behind. */
  delivered: number;
  /** Given up. */
  failed: number;
}

type OnDelivery = NonNullable<SendOptions["onDelivery"]>;

/** Goes with the message through librdkafka and comes back in its report. */
interface Ticket {
  onDelivery: OnDelivery;
}

type Report = Delivery & { opaque?: Ticket };

// node-rdkafka takes a buffer without memory for null, that is, an empty message for a tombstone. This one has memory.
const EMPTY = Buffer.alloc(1).subarray(0, 0);
const DEFAULT_CLOSE_TIMEOUT_MS = 5_000;
// Reports and errors wait in librdkafka until it is polled: often while messages are on their way, now and then otherwise.
const REPORT_POLL_MS = 1;
const IDLE_POLL_MS = 50;
// send() polls by itself after so many messages, for callers that send in a loop without giving way.
const REPORT_POLL_MESSAGES = 1024;

/** A producer of one Kafka cluster. */
export class LogProducer {
  readonly #options: LogProducerOptions;
  readonly #counters: ProducerCounters = { sent: 0, delivered: 0, failed: 0 };
  readonly #eachReported: boolean;
  /** Messages in the queue whose sender wants to know, so that close() can answer for those that never get a report. */
  readonly #waiting = new Set<Ticket>();
  #client: Producer | undefined;
  #state: "new" | "open" | "closing" | "closed" = "new";
  #fatal: KafkaError | undefined;
  #timer: NodeJS.Timeout | undefined;
  #timerIsIdle = false;
  #sincePoll = 0;
  #closed: Promise<number> | undefined;

  constructor(options: LogProducerOptions) {
    this.#options = options;
    this.#eachReported = options.reports !== "failures";
  }

  /**
   * Connects and waits until a broker has answered.
   *
   * @throws KafkaError KAFKA_UNAVAILABLE after connectTimeoutMs; KAFKA_CONFIG for a setting librdkafka refuses. The producer is
   *   of no use afterwards: make a new one.
   */
  async connect(): Promise<void> {
    if (this.#state !== "new") throw new KafkaError("KAFKA_CLOSED", `connect: the producer is ${this.#state}`);
    const [global, perTopic] = producerSettings(this.#options);
    const { Producer: NativeProducer } = native();
    let client: Producer;
    try {
      client = new NativeProducer(
        { ...global, dr_cb: true } as ConstructorParameters<typeof NativeProducer>[0],
        perTopic as ConstructorParameters<typeof NativeProducer>[1],
      );
    } catch (error) {
      throw new KafkaError("KAFKA_CONFIG", `connect: ${error instanceof Error ? error.message : String(error)}`);
    }
    this.#state = "open";
    this.#client = client;
    client.on("event.error", (error) => this.#onEventError(error));
    client.on("delivery-report", (error, report) => this.#onReport(error, report as unknown as Report));

    try {
      await connectNative(client, this.#options);
    } catch (error) {
      this.#state = "closed";
      throw error;
    }
    this.#schedulePoll();
  }

  /** Messages so far. `sent − delivered − failed` are on their way. */
  get counters(): Readonly<ProducerCounters> {
    return this.#counters;
  }

  /**
   * Puts a message into the queue. The bytes are copied: the caller may reuse them.
   *
   * @param partition null: by the key (murmur2, as Java clients do), or anywhere if there is no key
   * @param payload   null: a tombstone, which deletes the key from a compacted topic
   * @returns false where the queue is full: nothing was taken, try again after room()
   * @throws KafkaError KAFKA_MESSAGE_TOO_LARGE, KAFKA_TOPIC_UNKNOWN (partition), KAFKA_FATAL (a producer that lost its
   *   idempotence stays lost), KAFKA_CLOSED
   */
  send(
    topic: string,
    partition: number | null,
    payload: Buffer | null,
    key: Buffer | string | null,
    options?: SendOptions,
  ): boolean {
    const client = this.#open("send");
    if (this.#fatal !== undefined) throw this.#fatal;
    const onDelivery = options?.onDelivery;
    if (onDelivery !== undefined && !this.#eachReported) {
      throw new KafkaError("KAFKA_CONFIG", 'send: onDelivery needs a producer with reports: "each"');
    }
    const ticket: Ticket | undefined = onDelivery === undefined ? undefined : { onDelivery };
    const headers = options?.headers;
    try {
      client.produce(
        topic,
        partition,
        payload?.length === 0 ? EMPTY : payload,
        key instanceof Buffer && key.length === 0 ? EMPTY : key,
        options?.timestampMs ?? null,
        ticket,
        headers === undefined ? undefined : Object.entries(headers).map(([name, value]) => ({ [name]: value })),
      );
    } catch (error) {
      if ((error as LibrdKafkaError).code === RD.QUEUE_FULL) {
        this.#pollReports(); // what has been delivered leaves the queue when its report is fetched
        return false;
      }
      const where = partition === null ? topic : `${topic}/${partition}`;
      throw toKafkaError(error, `sending ${payload?.length ?? 0} bytes to ${where}`);
    }
    this.#counters.sent++;
    if (ticket !== undefined) this.#waiting.add(ticket);
    if (++this.#sincePoll >= REPORT_POLL_MESSAGES) this.#pollReports();
    if (this.#timerIsIdle) this.#schedulePoll();
    return true;
  }

  /**
   * As send(), and waits for the brokers; while the queue is full it waits for room first.
   *
   * @throws KafkaError as send(), and what kept the message from being delivered
   */
  async sendAndWait(
    topic: string,
    partition: number | null,
    payload: Buffer | null,
    key: Buffer | string | null,
    options?: Omit<SendOptions, "onDelivery">,
  ): Promise<Delivery> {
    for (;;) {
      let settle: ((error: KafkaError | null, delivery: Delivery | null) => void) | undefined;
      const delivered = new Promise<Delivery>((resolve, reject) => {
        settle = (error, delivery) => (error === null ? resolve(delivery!) : reject(error));
      });
      if (this.send(topic, partition, payload, key, { ...options, onDelivery: settle! })) return delivered;
      await this.room();
    }
  }

  /**
   * Waits a moment for the queue to empty a little, after send() returned false. A message may still be refused afterwards: ask
   * again.
   */
  async room(): Promise<void> {
    this.#open("room");
    await new Promise((resolve) => setTimeout(resolve, REPORT_POLL_MS));
    if (this.#state === "open") this.#pollReports();
  }

  /**
   * Waits until everything sent so far is delivered or given up.
   *
   * @param timeoutMs 0 and up
   * @returns true if so, false if the time was not enough
   */
  async flush(timeoutMs: number): Promise<boolean> {
    return this.#flush(this.#open("flush"), timeoutMs);
  }

  async #flush(client: Producer, timeoutMs: number): Promise<boolean> {
    const deadline = performance.now() + timeoutMs;
    const sentBefore = this.#counters.sent;
    const empty = await new Promise<boolean>((resolve) => {
      client.flush(Math.ceil(timeoutMs), (error) => resolve(!error));
    });
    if (this.#eachReported) {
      // Reports cross from librdkafka's thread to this one; wait for the last of them.
      while (this.#unsettled() > this.#counters.sent - sentBefore && performance.now() < deadline) {
        this.#pollReports();
        await new Promise((resolve) => setTimeout(resolve, REPORT_POLL_MS));
      }
      return this.#unsettled() <= this.#counters.sent - sentBefore;
    }
    if (empty && this.#counters.sent === sentBefore) {
      await new Promise((resolve) => setImmediate(resolve)); // reports of failures arrive the same way
      this.#counters.delivered = this.#counters.sent - this.#counters.failed;
    }
    return empty;
  }

  /**
   * Flushes, then disconnects once. Messages that are not delivered in time are dropped and their onDelivery told so.
   *
   * @param timeoutMs for the flush
   * @returns how many messages were sent and are not known to be delivered
   */
  close(timeoutMs = DEFAULT_CLOSE_TIMEOUT_MS): Promise<number> {
    this.#closed ??= this.#close(timeoutMs);
    return this.#closed;
  }

  async #close(timeoutMs: number): Promise<number> {
    const client = this.#client;
    if (client === undefined || this.#state === "closed") {
      this.#state = "closed";
      return 0;
    }
    this.#state = "closing";
    await this.#flush(client, timeoutMs);
    clearTimeout(this.#timer);
    // disconnect(0, …): its own flush is not wanted, ours was bounded and is over.
    let timer: NodeJS.Timeout | undefined;
    const ended = await Promise.race([
      new Promise<boolean>((resolve) => client.disconnect(0, () => resolve(true))),
      new Promise<boolean>((resolve) => {
        timer = setTimeout(() => resolve(false), Math.max(1000, timeoutMs));
      }),
    ]);
    clearTimeout(timer);
    if (!ended) this.#options.onError?.(new KafkaError("KAFKA_TIMEOUT", "the producer did not disconnect in time"));
    this.#state = "closed";
    for (const { onDelivery } of this.#waiting) {
      onDelivery(new KafkaError("KAFKA_CLOSED", "the producer was closed before the message was delivered"), null);
    }
    this.#waiting.clear();
    return this.#unsettled();
  }

  #unsettled(): number {
    return this.#counters.sent - this.#counters.delivered - this.#counters.failed;
  }

  #schedulePoll(): void {
    clearTimeout(this.#timer);
    this.#timerIsIdle = this.#unsettled() === 0;
    this.#timer = setTimeout(
      () => {
        if (this.#state === "closed") return;
        this.#pollReports();
        this.#schedulePoll();
      },
      this.#timerIsIdle ? IDLE_POLL_MS : REPORT_POLL_MS,
    );
    this.#timer.unref();
  }

  #pollReports(): void {
    this.#sincePoll = 0;
    try {
      this.#client!.poll();
    } catch {
      // Disconnected meanwhile: close() answers for what is left.
    }
  }

  #onReport(error: LibrdKafkaError | null, report: Report): void {
    const ticket = report.opaque;
    if (ticket !== undefined) this.#waiting.delete(ticket);
    if (!error) {
      this.#counters.delivered++;
      ticket?.onDelivery(null, { topic: report.topic, partition: report.partition, offset: report.offset });
      return;
    }
    this.#counters.failed++;
    ticket?.onDelivery(this.#classify(error, `delivering to ${report.topic}`), null);
  }

  #onEventError(error: LibrdKafkaError): void {
    const classified = this.#classify(error, `Kafka at ${this.#options.brokers}`);
    if (classified.nativeCode === RD.FATAL) this.#fatal = classified;
    this.#options.onError?.(classified);
  }

  /** Reports and events carry librdkafka's text without its number. */
  #classify(error: LibrdKafkaError, doing: string): KafkaError {
    const code = typeof error.code === "number" && error.code !== -1 ? error.code : codeOfText(error.message);
    return toKafkaError({ code, message: error.message }, doing);
  }

  #open(doing: string): Producer {
    if (this.#state !== "open") {
      const state = this.#state === "new" ? "not connected" : this.#state;
      throw new KafkaError("KAFKA_CLOSED", `${doing}: the producer is ${state}`);
    }
    return this.#client!;
  }
}
