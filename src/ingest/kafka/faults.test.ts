// What happens when the broker dies, forgets or corrupts: tried on a real broker of this file's own, which is killed and damaged.

import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createTopic, kafkaUnavailable, startKafka, type TestKafka, withAdmin } from "../../../test/support/kafka";
import { KafkaError } from "./errors";
import { LogConsumer, type LogConsumerOptions, type LogMessage, partitionKey } from "./log-consumer";
import { LogProducer, type LogProducerOptions } from "./log-producer";

const skip = kafkaUnavailable();

describe.skipIf(skip !== null)(skip ?? "faults of a real broker", () => {
  let kafka: TestKafka;
  const open: { close(timeoutMs?: number): Promise<unknown> }[] = [];
  const timers: NodeJS.Timeout[] = [];
  let topics = 0;

  beforeAll(async () => {
    kafka = await startKafka();
  }, 120_000);
  afterEach(async () => {
    for (const timer of timers.splice(0)) clearInterval(timer);
    await Promise.all(open.splice(0).map((client) => client.close(1000)));
  });
  afterAll(async () => {
    await kafka.remove();
  });

  async function producer(options: Partial<LogProducerOptions> = {}): Promise<LogProducer> {
    const made = new LogProducer({ brokers: kafka.brokers, ...options });
    await made.connect();
    open.push(made);
    return made;
  }

  async function consumer(options: Partial<LogConsumerOptions> = {}): Promise<LogConsumer> {
    const made = new LogConsumer({ brokers: kafka.brokers, groupId: "faults", ...options });
    await made.connect();
    open.push(made);
    return made;
  }

  /** Repeats until the returned function is called, or the test ends. */
  function every(ms: number, work: () => void): () => void {
    const timer = setInterval(work, ms);
    timers.push(timer);
    return () => clearInterval(timer);
  }

  async function topic(partitions: number): Promise<string> {
    const name = `faults-${++topics}`;
    await createTopic(kafka.brokers, name, partitions);
    return name;
  }

  /** Polls until the reader throws. */
  async function failure(
    reading: LogConsumer,
    onMessages: (messages: LogMessage[]) => void = () => undefined,
  ): Promise<KafkaError> {
    const deadline = performance.now() + 20_000;
    while (performance.now() < deadline) {
      try {
        onMessages(await reading.poll(100));
      } catch (error) {
        if (error instanceof KafkaError) return error;
        throw error;
      }
    }
    throw new Error("the reader went on for 20 s without an error");
  }

  /** Flips a bit of a message in partition 0 where it lies on the broker's disk. */
  async function damage(name: string, text: string): Promise<void> {
    await kafka.stop();
    const folder = join(kafka.dataDir, "log", `${name}-0`);
    const segment = (await readdir(folder)).find((file) => file.endsWith(".log"))!;
    const bytes = await readFile(join(folder, segment));
    const at = bytes.indexOf(text);
    bytes[at] = bytes[at]! ^ 1;
    await writeFile(join(folder, segment), bytes);
    await kafka.restart();
  }

  test("through kill -9 and restart every message is read once and in order, and the outage is told", async () => {
    const KILLS = 3;
    const name = await topic(2);
    const states: string[] = [];
    const errors: KafkaError[] = [];
    const sending = await producer();
    const reading = await consumer({
      gaplessTopics: [name],
      onConnection: (state) => states.push(state),
      onError: (error) => errors.push(error),
    });
    await reading.assign([0, 1].map((partition) => ({ topic: name, partition, offset: 0 })));

    let sent = 0;
    let refused = 0;
    const stop = every(5, () => {
      for (let i = 0; i < 10; i++) {
        if (sending.send(name, sent % 2, Buffer.from(String(sent)), null)) sent++;
        else refused++;
      }
    });
    const read: number[][] = [[], []];
    let done = false;
    const loop = (async () => {
      while (!done && reading.isOpen)
        for (const message of await reading.poll(500)) read[message.partition]!.push(Number(message.payload));
    })();
    const until = async (what: string, holds: () => boolean) => {
      const deadline = performance.now() + 30_000;
      while (!holds()) {
        if (performance.now() > deadline) throw new Error(`waited in vain for: ${what}`);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    };
    for (let kill = 1; kill <= KILLS; kill++) {
      const before = read[0]!.length;
      await until("reading before the kill", () => read[0]!.length > before + 100);
      await kafka.kill();
      await until("the outage to be told", () => states.filter((state) => state === "down").length === kill);
      await kafka.restart();
      const mark = read[0]!.length;
      await until("reading after the restart", () => read[0]!.length > mark + 100);
      await until("the end of the outage to be told", () => states.at(-1) === "up");
    }
    stop();
    expect(await sending.flush(20_000)).toBe(true);
    await until("the rest", () => read[0]!.length + read[1]!.length === sent);
    done = true;
    await loop;
    const expected = (partition: number) => Array.from({ length: read[partition]!.length }, (_, i) => 2 * i + partition);
    expect(read[0]).toEqual(expected(0));
    expect(read[1]).toEqual(expected(1));
    expect(sending.counters).toEqual({ sent, delivered: sent, failed: 0 });
    expect(refused).toBe(0);
    expect(states).toEqual(Array.from({ length: KILLS }, () => ["down", "up"]).flat());
    expect(errors.every((error) => error.kind === "retriable")).toBe(true);
    expect(errors.some((error) => error.code === "KAFKA_UNAVAILABLE")).toBe(true);
  }, 120_000);

  test("a member of a group finds its way back after kill -9", async () => {
    const name = await topic(2);
    const reading = await consumer({ groupId: "way-back", gaplessTopics: [name] });
    const next = [0, 0];
    await reading.subscribe([name], {
      onAssigned: (partitions) => new Map(partitions.map(({ topic: t, partition }) => [`${t}/${partition}`, next[partition]!])),
      onRevoked: () => undefined,
    });
    const readUntil = async (count: number) => {
      const deadline = performance.now() + 30_000;
      while (next[0]! + next[1]! < count && performance.now() < deadline) {
        for (const message of await reading.poll(100)) {
          expect(message.offset).toBe(next[message.partition]);
          next[message.partition] = message.offset + 1;
        }
      }
      expect(next[0]! + next[1]!).toBe(count);
    };
    const sending = await producer();
    for (let i = 0; i < 100; i++) sending.send(name, i % 2, Buffer.from("x"), null);
    await readUntil(100);
    await kafka.kill();
    for (let i = 0; i < 100; i++) sending.send(name, i % 2, Buffer.from("x"), null);
    await kafka.restart();
    await readUntil(200);
  }, 90_000);

  test("a log cut off below our position stops the reader, also when the error hides behind other messages", async () => {
    const name = await topic(2);
    const sending = await producer();
    for (let i = 0; i < 100; i++) sending.send(name, 0, Buffer.from(String(i)), null);
    await sending.flush(5000);
    const reading = await consumer({ gaplessTopics: [name] });
    await reading.assign([0, 1].map((partition) => ({ topic: name, partition, offset: 0 })));
    await withAdmin(kafka.brokers, async (admin) => {
      await admin.fetchTopicOffsets(name); // kafkajs learns where the topic is
      await admin.deleteTopicRecords({ topic: name, partitions: [{ partition: 0, offset: "40" }] });
    });
    // Partition 1 flows all the while: the native client drops an error that comes behind its messages.
    const stop = every(1, () => {
      for (let i = 0; i < 50; i++) sending.send(name, 1, Buffer.from("x"), null);
    });
    for (let flowing = 0; flowing < 1000; ) flowing += (await reading.poll(100)).length;
    reading.seek(name, 0, 0);
    const error = await failure(reading, (messages) => {
      expect(messages.filter((message) => message.partition === 0)).toEqual([]);
    });
    stop();
    expect(error.code).toBe("KAFKA_OFFSET_OUT_OF_RANGE");
    expect(error.kind).toBe("fatal");
    expect(error.message).toContain(`${name}/0: next offset is 0 but the log holds 40 to 99: 40 messages`);
  }, 60_000);

  test("a batch damaged on disk is a gap by name and number, and a seek goes on past it", async () => {
    const name = await topic(1);
    const sending = await producer({ lingerMs: 0 });
    for (const text of ["sound-1", "damaged", "sound-2"]) await sending.sendAndWait(name, 0, Buffer.from(text), null);
    await damage(name, "damaged");

    const reading = await consumer({ gaplessTopics: [name] });
    await reading.assign([{ topic: name, partition: 0, offset: 0 }]);
    const read: string[] = [];
    const keep = (messages: LogMessage[]) => read.push(...messages.map((message) => String(message.payload)));
    const error = await failure(reading, keep);
    expect(error).toMatchObject({ code: "KAFKA_LOG_GAP", kind: "fatal" });
    // Found by its checksum or by the hole it leaves, whichever the client shows first.
    expect([`a batch of messages failed its checksum: ${name}/0 from offset 1 on`, `${name}/0: offset 1 is missing`]).toContain(
      error.message.replace(/ from the log: .*/, ""),
    );
    expect(read).toEqual(["sound-1"]);
    expect(reading.position(name, 0)).toBe(1);

    reading.seek(name, 0, 2);
    const deadline = performance.now() + 10_000;
    while (read.length < 2 && performance.now() < deadline) keep(await reading.poll(10));
    expect(read).toEqual(["sound-1", "sound-2"]);
  }, 60_000);

  test("a damaged batch is found also while another partition flows", async () => {
    const name = await topic(2);
    const sending = await producer({ lingerMs: 0 });
    for (const text of ["sound-1", "damaged", "sound-2"]) await sending.sendAndWait(name, 0, Buffer.from(text), null);
    await damage(name, "damaged");
    const reading = await consumer({ gaplessTopics: [name] });
    await reading.assign([0, 1].map((partition) => ({ topic: name, partition, offset: 0 })));
    const stop = every(1, () => {
      for (let i = 0; i < 50; i++) sending.send(name, 1, Buffer.from("x"), null);
    });
    const error = await failure(reading);
    stop();
    expect(error).toMatchObject({ code: "KAFKA_LOG_GAP", message: expect.stringContaining(`${name}/0`) });
    expect(reading.position(name, 0)).toBe(1);
  }, 60_000);

  test("a message for a topic that nobody made is given up with its name, the others are delivered", async () => {
    const name = await topic(1);
    const sending = await producer();
    const lost = sending.sendAndWait("nowhere", null, Buffer.from("x"), null);
    await expect(sending.sendAndWait(name, 0, Buffer.from("x"), null)).resolves.toMatchObject({ partition: 0, offset: 0 });
    await expect(lost).rejects.toMatchObject({ code: "KAFKA_TOPIC_UNKNOWN", message: expect.stringContaining("nowhere") });
    expect(sending.counters).toEqual({ sent: 2, delivered: 1, failed: 1 });
  }, 30_000);

  test("a message that the topic does not take is given up with the reason", async () => {
    const name = `faults-${++topics}`;
    await createTopic(kafka.brokers, name, 1, { "max.message.bytes": "1000" });
    const sending = await producer();
    await expect(sending.sendAndWait(name, 0, Buffer.alloc(5000), null)).rejects.toMatchObject({
      code: "KAFKA_MESSAGE_TOO_LARGE",
    });
  });

  test("of two members with one name the first is told who has its partitions, and closes at once", async () => {
    const name = await topic(2);
    const assigned: number[] = [];
    const told: KafkaError[] = [];
    const join = async () => {
      const joined = await consumer({
        groupId: "namesakes",
        instanceId: "margin-1",
        sessionTimeoutMs: 2000,
        onError: (error) => told.push(error),
      });
      const nth = assigned.push(0) - 1;
      await joined.subscribe([name], {
        onAssigned: (partitions) => {
          assigned[nth] += partitions.length;
          return new Map(partitions.map((each) => [partitionKey(each.topic, each.partition), "beginning" as const]));
        },
        onRevoked: () => undefined,
      });
      return joined;
    };
    const first = await join();
    while (assigned[0] < 2) await first.poll(10);
    const second = await join();
    const polling = (async () => {
      while (assigned[1] < 2) await second.poll(10);
    })();
    const error = await failure(first);
    expect(error).toMatchObject({ code: "KAFKA_FENCED", kind: "fatal" });
    expect(error.message).toMatch(/^another engine named margin-1 joined the group namesakes /);
    await polling;
    await first.close();
    expect(told).toEqual([]);
  });

  test("with the broker gone, closing is bounded and every sender hears of it", async () => {
    const name = await topic(1);
    const sending = await producer();
    const reading = await consumer();
    await reading.assign([{ topic: name, partition: 0, offset: 0 }]);
    await sending.sendAndWait(name, 0, Buffer.from("x"), null);
    await kafka.kill();
    const answers: (KafkaError | null)[] = [];
    for (let i = 0; i < 3; i++) sending.send(name, 0, Buffer.from("y"), null, { onDelivery: (error) => answers.push(error) });
    const commit = reading.commit([{ topic: name, partition: 0, offset: 1 }]);
    const [undelivered] = await Promise.all([
      sending.close(300),
      reading.close(2000),
      expect(commit).rejects.toBeInstanceOf(KafkaError),
    ]);
    expect(undelivered).toBe(3);
    expect(answers.map((error) => error?.code)).toEqual(["KAFKA_CLOSED", "KAFKA_CLOSED", "KAFKA_CLOSED"]);
    const late = new LogConsumer({ brokers: kafka.brokers, groupId: "late", connectTimeoutMs: 500 });
    await expect(late.connect()).rejects.toMatchObject({ code: "KAFKA_UNAVAILABLE" });
    await kafka.restart();
  }, 60_000);
});
