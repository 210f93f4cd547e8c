// What the consumer and the producer promise, tried on a real Apache Kafka and on the embedded cluster alike.

import fc from "fast-check";
import { Partitioners } from "kafkajs";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createTopic, kafkaUnavailable, type SharedKafka, sharedKafka } from "../../../test/support/kafka";
import { freePort } from "../../../test/support/ports";
import { EMBEDDED_PARTITION_COUNT, type EmbeddedKafka, startEmbeddedKafka } from "./embedded";
import { KafkaError } from "./errors";
import { LogConsumer, type LogConsumerOptions, type LogMessage, partitionKey, type TopicPartition } from "./log-consumer";
import { LogProducer, type LogProducerOptions } from "./log-producer";
import { EMBEDDED_FETCH_WAIT_MS } from "./settings";

const PARTITIONS = EMBEDDED_PARTITION_COUNT;

interface Cluster {
  brokers: string;
  prefix(): string;
  makeTopic(name: string): Promise<void>;
  consumer: Partial<LogConsumerOptions>;
  stop(): Promise<void>;
}

async function realCluster(): Promise<Cluster> {
  const kafka: SharedKafka = await sharedKafka();
  return {
    brokers: kafka.brokers,
    prefix: kafka.prefix,
    makeTopic: (name) => createTopic(kafka.brokers, name, PARTITIONS),
    consumer: {},
    stop: kafka.release,
  };
}

async function embeddedCluster(): Promise<Cluster> {
  const kafka: EmbeddedKafka = await startEmbeddedKafka();
  let prefixes = 0;
  return {
    brokers: kafka.brokers,
    prefix: () => `t${++prefixes}.`,
    makeTopic: (name) => kafka.createTopics([name]),
    consumer: { fetchWaitMaxMs: EMBEDDED_FETCH_WAIT_MS },
    stop: kafka.close,
  };
}

const noKafka = kafkaUnavailable();

describe.each([
  { name: "Apache Kafka", skip: noKafka, start: realCluster },
  { name: "the embedded cluster", skip: null, start: embeddedCluster },
])("with $name", ({ skip, start }) => {
  describe.skipIf(skip !== null)(skip ?? "the log", () => {
    let cluster: Cluster;
    const open: { close(): Promise<unknown> }[] = [];

    beforeAll(async () => {
      cluster = await start();
    }, 120_000);
    afterEach(async () => {
      await Promise.all(open.splice(0).map((client) => client.close()));
    });
    afterAll(async () => {
      await cluster.stop();
    });

    async function producer(options: Partial<LogProducerOptions> = {}): Promise<LogProducer> {
      const made = new LogProducer({ brokers: cluster.brokers, ...options });
      await made.connect();
      open.push(made);
      return made;
    }

    async function consumer(options: Partial<LogConsumerOptions> = {}): Promise<LogConsumer> {
      const made = new LogConsumer({
        brokers: cluster.brokers,
        groupId: `${cluster.prefix()}group`,
        ...cluster.consumer,
        ...options,
      });
      await made.connect();
      open.push(made);
      return made;
    }

    async function topic(): Promise<string> {
      const name = `${cluster.prefix()}log`;
      await cluster.makeTopic(name);
      return name;
    }

    const every = (name: string): TopicPartition[] =>
      Array.from({ length: PARTITIONS }, (_, partition) => ({ topic: name, partition }));
    const everyFrom = (name: string, offset: number | "beginning" | "end") => every(name).map((entry) => ({ ...entry, offset }));

    /** `perPartition` messages in each partition; the payload says where it is. */
    async function fill(name: string, perPartition: number): Promise<void> {
      const filling = await producer({ lingerMs: 5 });
      for (let i = 0; i < perPartition; i++) {
        for (let partition = 0; partition < PARTITIONS; partition++) {
          const payload = Buffer.from(`${partition}:${i}`);
          while (!filling.send(name, partition, payload, null)) await filling.room();
        }
      }
      expect(await filling.flush(20_000)).toBe(true);
    }

    async function pollUntil(from: LogConsumer, count: number, max = 500): Promise<LogMessage[]> {
      const messages: LogMessage[] = [];
      const deadline = performance.now() + 20_000;
      while (messages.length < count && performance.now() < deadline) messages.push(...(await from.poll(max)));
      return messages;
    }

    const sharing = async () => {
      const name = await topic();
      const groupId = `${cluster.prefix()}group`;
      const read = new Map<string, string>();
      const progress = new Map<string, number>();
      const twice: string[] = [];

      class Member {
        readonly owned = new Set<number>();
        revoked = 0;
        stopped = false;
        loop: Promise<void> | undefined;
        constructor(
          readonly label: string,
          readonly log: LogConsumer,
        ) {}
        async join() {
          await this.log.subscribe([name], {
            onAssigned: async (partitions) => {
              await new Promise((resolve) => setTimeout(resolve, 20)); // as if a shard were rebuilt
              for (const { partition } of partitions) this.owned.add(partition);
              return new Map(
                partitions.map((entry) => {
                  const key = partitionKey(entry.topic, entry.partition);
                  return [key, progress.get(key) ?? 0];
                }),
              );
            },
            onRevoked: async (partitions) => {
              const offsets = partitions.map((entry) => ({ ...entry, offset: this.log.position(entry.topic, entry.partition) }));
              for (const { partition } of partitions) this.owned.delete(partition);
              this.revoked += partitions.length;
              await this.log.commit(offsets);
            },
          });
          this.loop = this.#run();
        }
        async #run() {
          for (let turn = 0; !this.stopped; turn++) {
            // Back-pressure goes on during a rebalance as at any other time.
            const mine = this.log.assignment();
            if (turn % 10 === 3) this.log.pause(mine.slice(0, 1));
            if (turn % 10 === 6) this.log.resume(mine);
            for (const message of await this.log.poll(50)) {
              const key = partitionKey(message.topic, message.partition);
              if (!this.owned.has(message.partition)) twice.push(`${this.label} read ${key} which is not its own`);
              const id = `${key}@${message.offset}`;
              if (read.has(id)) twice.push(`${id} by ${read.get(id)} and ${this.label}`);
              read.set(id, this.label);
              progress.set(key, message.offset + 1);
            }
          }
        }
        async leave() {
          this.stopped = true;
          await this.loop;
          await this.log.close();
        }
      }

      const until = async (what: string, holds: () => boolean) => {
        const deadline = performance.now() + 25_000;
        while (!holds()) {
          if (performance.now() > deadline) throw new Error(`waited in vain for: ${what}`);
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      };

      const sending = await producer();
      let sent = 0;
      const timer = setInterval(() => {
        for (let partition = 0; partition < PARTITIONS; partition++)
          sending.send(name, partition, Buffer.from(String(sent)), null);
        sent++;
      }, 5);

      const first = new Member("first", await consumer({ groupId, gaplessTopics: [name] }));
      const second = new Member("second", await consumer({ groupId, gaplessTopics: [name] }));
      await first.join();
      await until("the first member has all partitions", () => first.owned.size === PARTITIONS);
      await second.join();
      await until("the second member has its half", () => first.owned.size === 2 && second.owned.size === 2);
      // Cooperative: of the first member's partitions only those that moved were taken.
      expect(first.revoked).toBe(2);
      expect([...first.owned, ...second.owned].sort()).toEqual([0, 1, 2, 3]);
      await until("the second member reads", () => [...read.values()].includes("second"));

      await first.leave();
      await until("the second member has everything", () => second.owned.size === PARTITIONS);
      clearInterval(timer);
      await sending.flush(5000);
      await until("everything is read", () => read.size === sent * PARTITIONS);
      const committed = await second.log.committed(every(name));
      expect(committed.filter((entry) => entry.offset > 0).length).toBeGreaterThanOrEqual(2);
      await second.leave();
      expect(second.owned.size).toBe(0);
      expect(twice).toEqual([]);
    };

    test("what is sent arrives as it was, in order, with key, time and offset", async () => {
      const name = await topic();
      const sending = await producer();
      const sent: [Buffer | null, string | null][] = [
        [Buffer.from("first"), "a"],
        [Buffer.alloc(0), "b"],
        [null, "a"],
        [Buffer.alloc(100_000, 7), null],
      ];
      const deliveries = sent.map(([payload, key], index) =>
        sending.sendAndWait(name, 2, payload, key, { timestampMs: 1_718_000_000_000 + index }),
      );
      expect((await Promise.all(deliveries)).map(({ partition, offset }) => [partition, offset])).toEqual([
        [2, 0],
        [2, 1],
        [2, 2],
        [2, 3],
      ]);
      expect(sending.counters).toEqual({ sent: 4, delivered: 4, failed: 0 });

      const reading = await consumer();
      await reading.assign(everyFrom(name, "beginning"));
      const messages = await pollUntil(reading, 4);
      expect(messages).toEqual(
        sent.map(([payload, key], offset) => ({
          topic: name,
          partition: 2,
          offset,
          key: key === null ? null : Buffer.from(key),
          payload,
          timestampMs: 1_718_000_000_000 + offset,
        })),
      );
    });

    test("a payload is a copy at the start of its own memory: typed arrays of any width fit on it", async () => {
      const name = await topic();
      const sending = await producer();
      await sending.sendAndWait(name, 0, Buffer.from(new Float64Array([1.5, -2, Number.MAX_VALUE]).buffer), null);
      const reading = await consumer();
      await reading.assign([{ topic: name, partition: 0, offset: 0 }]);
      const [message] = await pollUntil(reading, 1);
      const { buffer, byteOffset, byteLength } = message!.payload!;
      expect(byteOffset).toBe(0);
      expect([...new Float64Array(buffer, byteOffset, byteLength / 8)]).toEqual([1.5, -2, Number.MAX_VALUE]);
    });

    test("a key goes to the partition that Java clients choose", async () => {
      const name = await topic();
      const sending = await producer();
      const java = Partitioners.DefaultPartitioner();
      const partitionMetadata = every(name).map(({ partition }) => ({
        partitionId: partition,
        leader: 1,
        partitionErrorCode: 0,
        replicas: [1],
        isr: [1],
      }));
      for (let account = 0; account < 40; account++) {
        const key = `account-${account}`;
        const { partition } = await sending.sendAndWait(name, null, Buffer.from("x"), key);
        expect([key, partition]).toEqual([key, java({ topic: name, partitionMetadata, message: { key, value: "x" } })]);
      }
    });

    test("poll() gives at most what was asked for", async () => {
      const name = await topic();
      await fill(name, 25);
      const reading = await consumer();
      await reading.assign(everyFrom(name, 0));
      let count = 0;
      while (count < 100) {
        const messages = await reading.poll(7);
        expect(messages.length).toBeLessThanOrEqual(7);
        count += messages.length;
      }
      expect(count).toBe(100);
      expect(await reading.poll(7)).toEqual([]);
    });

    test("a trickle is not held back until a batch is full", async () => {
      // consume(n, timeout) would wait for 100 messages here, or for a pause in the stream, which does not come.
      const name = await topic();
      const sending = await producer({ lingerMs: 0 });
      const reading = await consumer({ pollWaitMs: 50 });
      await reading.assign(everyFrom(name, "end"));
      // The first fetch may take longer than the whole trickle.
      sending.send(name, 0, Buffer.from("first"), null);
      await pollUntil(reading, 1);
      let sent = 0;
      const timer = setInterval(() => sending.send(name, 0, Buffer.from(String(sent++)), null), 5);
      const batches: number[] = [];
      while (batches.reduce((sum, size) => sum + size, 0) < 60) {
        const size = (await reading.poll(100)).length;
        if (size > 0) batches.push(size);
      }
      clearInterval(timer);
      expect(batches.length).toBeGreaterThan(10);
    });

    test("a paused partition is silent, the others go on, and nothing of it is lost", async () => {
      const name = await topic();
      await fill(name, 1000);
      const reading = await consumer({ gaplessTopics: [name] });
      await reading.assign(everyFrom(name, 0));
      const before = await pollUntil(reading, 50, 10);

      reading.pause([{ topic: name, partition: 1 }]);
      const seen = before.length;
      const during = await pollUntil(reading, 3000 - before.filter((message) => message.partition !== 1).length);
      for (let i = 0; i < 5; i++) during.push(...(await reading.poll(500)));
      expect(during.filter((message) => message.partition === 1)).toEqual([]);

      reading.resume([{ topic: name, partition: 1 }]);
      const after = await pollUntil(reading, 4000 - seen - during.length);
      for (let partition = 0; partition < PARTITIONS; partition++) {
        const offsets = [...before, ...during, ...after]
          .filter((entry) => entry.partition === partition)
          .map((entry) => entry.offset);
        expect(offsets).toEqual(Array.from({ length: 1000 }, (_, offset) => offset));
      }
    });

    test("what comes while a pause is being asked for is kept back for later", async () => {
      const name = await topic();
      await fill(name, 200);
      const reading = await consumer();
      await reading.assign([{ topic: name, partition: 0, offset: 0 }]);
      const underWay = reading.poll(500);
      reading.pause([{ topic: name, partition: 0 }]); // the native call is running in another thread
      expect(await underWay).toEqual([]);
      expect(await reading.poll(500)).toEqual([]);
      reading.resume([{ topic: name, partition: 0 }]);
      const messages = await pollUntil(reading, 200);
      expect(messages.map((message) => message.offset)).toEqual(Array.from({ length: 200 }, (_, offset) => offset));
    });

    test("messages handed back come first when their partition goes on", async () => {
      const name = await topic();
      await fill(name, 100);
      const reading = await consumer();
      await reading.assign([{ topic: name, partition: 3, offset: 0 }]);
      const first = await pollUntil(reading, 20, 20);
      reading.pause([{ topic: name, partition: 3 }]);
      reading.unread(first.slice(5));
      expect(reading.position(name, 3)).toBe(5);
      expect(await reading.poll(10)).toEqual([]);
      reading.resume([{ topic: name, partition: 3 }]);
      const rest = await pollUntil(reading, 95, 10);
      expect(rest.map((message) => message.offset)).toEqual(Array.from({ length: 95 }, (_, index) => index + 5));
      expect(() => reading.unread([{ ...first[0]!, offset: 100 }])).toThrow(/not the last message given/);
    });

    test("a pause that lasts reaches librdkafka, and nothing is lost by it", async () => {
      const name = await topic();
      await fill(name, 1000);
      const reading = await consumer({ gaplessTopics: [name] });
      await reading.assign([{ topic: name, partition: 0, offset: 0 }]);
      const messages = await pollUntil(reading, 20, 20);
      for (let turn = 0; turn < 2; turn++) {
        reading.pause([{ topic: name, partition: 0 }]);
        const until = performance.now() + 800;
        while (performance.now() < until) expect(await reading.poll(100)).toEqual([]);
        reading.resume([{ topic: name, partition: 0 }]);
        messages.push(...(await pollUntil(reading, 300, 50)));
      }
      messages.push(...(await pollUntil(reading, 1000 - messages.length)));
      expect(messages.map((message) => message.offset)).toEqual(Array.from({ length: 1000 }, (_, offset) => offset));
    });

    test.each([
      ["little", 2048],
      ["much", undefined],
    ])(
      "however polls, pauses, seeks and returns are mixed, each partition gives every message once and in order; %s is held",
      async (_, heldBytesMax) => {
        const PER_PARTITION = 300;
        const name = await topic();
        await fill(name, PER_PARTITION);
        const reading = await consumer({
          gaplessTopics: [name],
          pollWaitMs: 2,
          ...(heldBytesMax === undefined ? {} : { heldBytesMax }),
        });
        await reading.assign(everyFrom(name, 0));
        const partition = fc.integer({ min: 0, max: PARTITIONS - 1 });
        const action = fc.oneof(
          fc.record({ do: fc.constant("poll" as const), max: fc.integer({ min: 1, max: 200 }) }),
          fc.record({ do: fc.constant("pause" as const), partition }),
          fc.record({ do: fc.constant("resume" as const), partition }),
          fc.record({ do: fc.constant("unread" as const), count: fc.integer({ min: 1, max: 50 }) }),
          fc.record({ do: fc.constant("seek" as const), partition, offset: fc.integer({ min: 0, max: PER_PARTITION }) }),
        );
        await fc.assert(
          fc.asyncProperty(fc.array(action, { minLength: 5, maxLength: 60 }), fc.boolean(), async (actions, whilePolling) => {
            const next = new Array<number>(PARTITIONS).fill(0);
            const paused = new Set<number>();
            for (const entry of every(name)) reading.seek(name, entry.partition, 0);
            let last: LogMessage[] = [];
            let underWay: Promise<LogMessage[]> | undefined;
            const take = (messages: LogMessage[]) => {
              for (const message of messages) {
                expect(paused.has(message.partition)).toBe(false);
                expect([message.partition, message.offset]).toEqual([message.partition, next[message.partition]]);
                expect(message.payload!.toString()).toBe(`${message.partition}:${message.offset}`);
                next[message.partition] = message.offset + 1;
              }
              last = messages;
            };
            for (const step of actions) {
              // Half of the runs change things while a poll is under way; only its messages are then not yet there to return.
              if (step.do === "poll" || step.do === "unread") {
                if (underWay !== undefined) take(await underWay);
                underWay = undefined;
              }
              if (step.do === "poll") {
                if (whilePolling) underWay = reading.poll(step.max);
                else take(await reading.poll(step.max));
              } else if (step.do === "pause") {
                reading.pause([{ topic: name, partition: step.partition }]);
                paused.add(step.partition);
              } else if (step.do === "resume") {
                reading.resume([{ topic: name, partition: step.partition }]);
                paused.delete(step.partition);
              } else if (step.do === "seek") {
                reading.seek(name, step.partition, step.offset);
                next[step.partition] = step.offset;
                last = last.filter((message) => message.partition !== step.partition);
              } else {
                const back = last.splice(-step.count);
                reading.unread(back);
                for (const message of back.toReversed()) next[message.partition] = message.offset;
              }
            }
            if (underWay !== undefined) take(await underWay);
            reading.resume(every(name));
            paused.clear();
            const deadline = performance.now() + 10_000;
            while (next.some((offset) => offset < PER_PARTITION) && performance.now() < deadline) take(await reading.poll(500));
            expect(next).toEqual(new Array(PARTITIONS).fill(PER_PARTITION));
          }),
          { numRuns: 25 },
        );
        expect(reading.statistics()?.repeatsDropped ?? 0).toBe(0);
      },
      60_000,
    );

    test("a start outside the log is refused by name and number, never moved", async () => {
      const name = await topic();
      await fill(name, 3);
      const reading = await consumer();
      await expect(reading.assign([{ topic: name, partition: 1, offset: 4 }])).rejects.toMatchObject({
        code: "KAFKA_OFFSET_OUT_OF_RANGE",
        kind: "fatal",
        message: expect.stringContaining(`${name}/1: next offset is 4 but the log holds 0 to 2`),
      });
      expect(reading.assignment()).toEqual([]);
      await reading.assign([{ topic: name, partition: 1, offset: 3 }]); // the end is where the next message will be
      expect(await reading.poll(10)).toEqual([]);
    });

    test("a seek outside the log is found out while reading", async () => {
      const name = await topic();
      await fill(name, 3);
      const reading = await consumer();
      await reading.assign(everyFrom(name, 0));
      expect(await pollUntil(reading, 12)).toHaveLength(12);
      reading.seek(name, 2, 50);
      const polling = async () => {
        for (;;) await reading.poll(10);
      };
      await expect(polling()).rejects.toMatchObject({
        code: "KAFKA_OFFSET_OUT_OF_RANGE",
        message: expect.stringContaining(`${name}/2: next offset is 50 but the log holds 0 to 2`),
      });
      // The others were not harmed, and a seek back mends it.
      reading.seek(name, 2, 1);
      expect((await pollUntil(reading, 2)).map((message) => [message.partition, message.offset])).toEqual([
        [2, 1],
        [2, 2],
      ]);
    });

    test("what is not there is an error, not a new topic", async () => {
      const name = await topic();
      const reading = await consumer();
      await expect(reading.assign([{ topic: name, partition: PARTITIONS, offset: 0 }])).rejects.toMatchObject({
        code: "KAFKA_TOPIC_UNKNOWN",
      });
      if (skip === null && start === realCluster) {
        // The embedded cluster makes any topic that is asked about.
        const missing = `${cluster.prefix()}nowhere`;
        await expect(reading.assign([{ topic: missing, partition: 0, offset: 0 }])).rejects.toMatchObject({
          code: "KAFKA_TOPIC_UNKNOWN",
          message: expect.stringContaining(missing),
        });
        await expect(
          reading.subscribe([missing], { onAssigned: () => new Map(), onRevoked: () => undefined }),
        ).rejects.toMatchObject({
          code: "KAFKA_TOPIC_UNKNOWN",
        });
      }
    });

    test("watermarks are the ends of the log, committed offsets what was committed", async () => {
      const name = await topic();
      await fill(name, 5);
      const reading = await consumer();
      expect(await reading.watermarks(name, 0)).toEqual({ low: 0, high: 5 });
      await reading.assign(everyFrom(name, "end"));
      expect(reading.position(name, 0)).toBe(5);
      expect((await reading.committed(every(name))).map((entry) => entry.offset < 0)).toEqual([true, true, true, true]);
      const commit = reading.commit([
        { topic: name, partition: 0, offset: 3 },
        { topic: name, partition: 2, offset: 5 },
      ]);
      let settled = false;
      void commit.then(() => {
        settled = true;
      });
      while (!settled) await reading.poll(10);
      const committed = await reading.committed(every(name));
      expect(committed.map((entry) => Math.max(-1, entry.offset))).toEqual([3, -1, 5, -1]);
    });

    test("statistics tell the lag of each partition", async () => {
      const name = await topic();
      await fill(name, 10);
      const reading = await consumer();
      await reading.assign(everyFrom(name, 0));
      reading.pause([{ topic: name, partition: 3 }]);
      const deadline = performance.now() + 10_000;
      const lag = () => new Map(reading.statistics()?.partitions.map((entry) => [entry.partition, entry.lagMessages]));
      while (!(lag().get(0) === 0 && lag().get(1) === 0) && performance.now() < deadline) await reading.poll(100);
      expect(lag().get(0)).toBe(0);
      expect(reading.statistics()).toMatchObject({ brokerCount: 1, brokersUp: 1, repeatsDropped: 0 });
      expect(reading.statistics()!.partitions.find((entry) => entry.partition === 3)!.nextOffset).toBe(0);
    });

    // The embedded cluster rebalances too, but takes nine seconds each time.
    if (start === realCluster)
      test("members of a group share the partitions, and each message is read by one of them", sharing, 60_000);

    // A partition that librdkafka has paused is read on by taking it out of the assignment and putting it back.
    const handover = async () => {
      const name = await topic();
      const groupId = `${cluster.prefix()}group`;
      const said: string[] = [];
      const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
      const starts = (partitions: TopicPartition[]) =>
        new Map(partitions.map((entry) => [partitionKey(entry.topic, entry.partition), 0]));
      const first = await consumer({ groupId });
      const second = await consumer({ groupId });
      let done = false;
      const loop = async (log: LogConsumer, read: Set<number>) => {
        while (!done) for (const { partition } of await log.poll(50)) read.add(partition);
      };
      const read = [new Set<number>(), new Set<number>()] as const;
      await first.subscribe([name], {
        onAssigned: starts,
        onRevoked: async (leaving) => {
          if (done) return;
          const left = first.assignment().filter(({ partition }) => !leaving.some((entry) => entry.partition === partition));
          for (const entry of left) {
            first.resume([entry]);
            await wait(500);
          }
          await wait(2500);
          said.push("given up");
        },
      });
      const loops = [loop(first, read[0])];
      while (first.assignment().length < PARTITIONS) await wait(20);
      first.pause(first.assignment());
      await wait(800); // longer than it is a pause of ours only
      await fill(name, 1);
      await second.subscribe([name], {
        onAssigned: (partitions) => {
          if (partitions.length > 0) said.push("taken over");
          return starts(partitions);
        },
        onRevoked: () => undefined,
      });
      loops.push(loop(second, read[1]));
      const deadline = performance.now() + 20_000;
      while (read[0].size + read[1].size < PARTITIONS && performance.now() < deadline) await wait(20);
      done = true;
      await Promise.all(loops);
      expect(said).toEqual(["given up", "taken over"]);
      expect([...read[0], ...read[1]].sort()).toEqual([0, 1, 2, 3]);
    };
    if (start === realCluster)
      test("the group waits for onRevoked, also when other partitions are resumed meanwhile", handover, 60_000);

    test("an assignment without a start offset stops the reader", async () => {
      const name = await topic();
      const reading = await consumer();
      await reading.subscribe([name], { onAssigned: () => new Map([[partitionKey(name, 0), 0]]), onRevoked: () => undefined });
      const polling = async () => {
        for (;;) await reading.poll(10);
      };
      await expect(polling()).rejects.toMatchObject({ kind: "fatal", message: expect.stringContaining(`${name}/1`) });
    }, 30_000);

    test("a full queue says no, and nothing that was taken is lost", async () => {
      const name = await topic();
      const sending = await producer({ queueMessages: 100, lingerMs: 50 });
      let refused = 0;
      for (let i = 0; i < 1000; i++) {
        while (!sending.send(name, 0, Buffer.from(String(i)), null)) {
          refused++;
          await sending.room();
        }
      }
      expect(refused).toBeGreaterThan(0);
      expect(await sending.flush(10_000)).toBe(true);
      expect(sending.counters).toEqual({ sent: 1000, delivered: 1000, failed: 0 });
      const reading = await consumer();
      await reading.assign([{ topic: name, partition: 0, offset: 0 }]);
      const messages = await pollUntil(reading, 1000);
      expect(messages.map((message) => message.payload!.toString())).toEqual(Array.from({ length: 1000 }, (_, i) => String(i)));
    });

    test("bulk sending without a report for each counts what was delivered when it is flushed", async () => {
      const name = await topic();
      const sending = await producer({ reports: "failures", lingerMs: 5 });
      for (let i = 0; i < 5000; i++) while (!sending.send(name, i % PARTITIONS, Buffer.from("x"), null)) await sending.room();
      expect(await sending.flush(10_000)).toBe(true);
      expect(sending.counters).toEqual({ sent: 5000, delivered: 5000, failed: 0 });
      expect(() => sending.send(name, 0, null, null, { onDelivery: () => undefined })).toThrow(/reports/);
    });

    test("what does not fit is refused at once", async () => {
      const name = await topic();
      const sending = await producer();
      expect(() => sending.send(name, 0, Buffer.alloc(3 * 1024 * 1024), null)).toThrow(
        expect.objectContaining({ code: "KAFKA_MESSAGE_TOO_LARGE" }),
      );
      expect(sending.counters.sent).toBe(0);
    });

    test("closed clients say that they are closed, and closing twice is one closing", async () => {
      const name = await topic();
      const reading = await consumer();
      const sending = await producer();
      await reading.assign(everyFrom(name, 0));
      const underWay = reading.poll(10);
      await Promise.all([reading.close(), reading.close(), sending.close(), sending.close()]);
      expect(await underWay).toEqual([]);
      await expect(reading.poll(10)).rejects.toMatchObject({ code: "KAFKA_CLOSED" });
      expect(() => sending.send(name, 0, null, "k")).toThrow(expect.objectContaining({ code: "KAFKA_CLOSED" }));
    });
  });
});

describe("without a broker", () => {
  test("connecting fails within its deadline and names the address", async () => {
    const brokers = `127.0.0.1:${await freePort()}`;
    const reading = new LogConsumer({ brokers, groupId: "g", connectTimeoutMs: 500 });
    const sending = new LogProducer({ brokers, connectTimeoutMs: 500 });
    const expected = { code: "KAFKA_UNAVAILABLE", kind: "retriable", message: expect.stringContaining(brokers) };
    await Promise.all([
      expect(reading.connect()).rejects.toMatchObject(expected),
      expect(sending.connect()).rejects.toMatchObject(expected),
    ]);
    await reading.close();
    expect(await sending.close()).toBe(0);
    await expect(reading.connect()).rejects.toThrow(KafkaError);
  });

  test("an address that is not one is refused before anything starts", async () => {
    await expect(new LogConsumer({ brokers: "nowhere", groupId: "g" }).connect()).rejects.toMatchObject({ code: "KAFKA_CONFIG" });
    await expect(new LogProducer({ brokers: "" }).connect()).rejects.toMatchObject({ code: "KAFKA_CONFIG" });
  });
});
