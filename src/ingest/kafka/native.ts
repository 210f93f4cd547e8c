// The one place that loads node-rdkafka. It is not context-aware: used from a worker thread it aborts the process as soon as
// data flows, so it is refused there with a sentence instead. Loaded on first use: commands without Kafka start without it.

import { createRequire } from "node:module";
import { isMainThread } from "node:worker_threads";
import { KafkaError } from "./errors";

export type Native = typeof import("node-rdkafka");

const require = createRequire(import.meta.url);
let loaded: Native | undefined;
let codesByText: Map<string, number> | undefined;

/**
 * @throws KafkaError KAFKA_FATAL outside the main thread; KAFKA_NATIVE where the binary is missing or does not load
 */
export function native(): Native {
  if (!isMainThread) {
    throw new KafkaError("KAFKA_FATAL", "node-rdkafka works in the main thread only: use a kafkajs client in other threads");
  }
  try {
    loaded ??= require("node-rdkafka") as Native;
  } catch (error) {
    const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
    throw new KafkaError("KAFKA_NATIVE", `cannot load node-rdkafka: ${reason}`);
  }
  return loaded;
}

/**
 * librdkafka's number for the text of an error. Error events and delivery reports carry the text alone; the texts are
 * librdkafka's own, asked from it once.
 *
 * @param text as in the event, without the "Local: " or "Broker: " before it; letter case does not matter
 * @returns the number, or -1 (unknown error) for a text that is none of librdkafka's
 */
export function codeOfText(text: string): number {
  if (codesByText === undefined) {
    codesByText = new Map();
    const { create } = require("node-rdkafka/lib/error.js") as { create(code: number): { message: string } };
    for (const code of Object.values(native().CODES.ERRORS)) {
      if (typeof code !== "number" || code === 0) continue;
      codesByText.set(bare(create(code).message), code);
    }
  }
  return codesByText.get(bare(text)) ?? -1;
}

function bare(text: string): string {
  return text
    .toLowerCase()
    .replace(/^(local|broker): /, "")
    .trim();
}
