import { describe, expect, test, vi } from "vitest";
import { classifyCode, KAFKA_ERRORS, KafkaError, RD, toKafkaError } from "./errors";
import { codeOfText, native } from "./native";

describe("Kafka errors", () => {
  test.each([
    [RD.ALL_BROKERS_DOWN, "KAFKA_UNAVAILABLE", "retriable"],
    [RD.TRANSPORT, "KAFKA_UNAVAILABLE", "retriable"],
    [RD.TIMED_OUT, "KAFKA_TIMEOUT", "retriable"],
    [RD.AUTO_OFFSET_RESET, "KAFKA_OFFSET_OUT_OF_RANGE", "fatal"],
    [RD.BAD_MSG, "KAFKA_LOG_GAP", "fatal"],
    [RD.FATAL, "KAFKA_FATAL", "fatal"],
    [RD.AUTHENTICATION, "KAFKA_AUTH", "config"],
    [3, "KAFKA_TOPIC_UNKNOWN", "config"],
    [10, "KAFKA_MESSAGE_TOO_LARGE", "config"],
    [22, "KAFKA_NOT_OWNER", "retriable"],
    [82, "KAFKA_FENCED", "fatal"],
    [29, "KAFKA_AUTH", "config"],
  ] as const)("librdkafka's %i is %s, %s", (nativeCode, code, kind) => {
    expect(classifyCode(nativeCode)).toBe(code);
    expect(KAFKA_ERRORS[code][0]).toBe(kind);
  });

  test("an error nobody has thought of stops the engine if it is the client's and is retried if it is a broker's", () => {
    expect(classifyCode(-12345)).toBe("KAFKA_FATAL");
    expect(classifyCode(12345)).toBe("KAFKA_BROKER_ERROR");
  });

  test("a message is one line that begins with what was being done", () => {
    const error = toKafkaError({ code: RD.TRANSPORT, message: "broker transport failure" }, "reading from Kafka at a:1");
    expect(error).toBeInstanceOf(KafkaError);
    expect(error.message).toBe("reading from Kafka at a:1: broker transport failure");
    expect(error.nativeCode).toBe(RD.TRANSPORT);
    expect(toKafkaError(error, "later")).toBe(error);
  });

  test("every text of librdkafka leads back to its number", () => {
    expect(codeOfText("Local: All broker connections are down")).toBe(RD.ALL_BROKERS_DOWN);
    expect(codeOfText("all broker connections are down")).toBe(RD.ALL_BROKERS_DOWN);
    expect(codeOfText("Broker: Unknown topic or partition")).toBe(3);
    expect(codeOfText("no such text")).toBe(-1);
    const codes: Record<string, number> = native().CODES.ERRORS;
    for (const [name, code] of Object.entries(RD)) expect([name, codes[`ERR__${name}`]]).toEqual([name, code]);
  });

  test("node-rdkafka is refused outside the main thread, where it would abort the process", async () => {
    vi.resetModules();
    vi.doMock("node:worker_threads", () => ({ isMainThread: false }));
    const inWorker = await import("./native");
    expect(() => inWorker.native()).toThrow(/main thread only/);
    vi.doUnmock("node:worker_threads");
  });
});
