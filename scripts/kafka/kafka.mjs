#!/usr/bin/env node
// `npm run kafka`: a real Apache Kafka broker on this machine, without Docker, until Ctrl-C.

import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { KAFKA_VERSION, kafkaUnavailable, startBroker } from "./broker.mjs";

const projectRoot = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const defaultData = join(projectRoot, ".plimsoll", "kafka", "data");
const DEFAULT_PORT = 9092;

const usage = `usage: npm run kafka -- [options]

Runs Apache Kafka ${KAFKA_VERSION} (one node, broker and controller in one, KRaft) on 127.0.0.1 until Ctrl-C.
Needs Java 17 or newer; the first run also needs Maven (mvn), which fetches the jars.

  --port <n>     port to listen on; 0 takes any that is free (default ${DEFAULT_PORT})
  --data <path>  folder for topics and logs, kept between runs (default ${relative(projectRoot, defaultData)})
  --heap <MiB>   Java heap limit (default 512)
  --json         print one line of JSON when ready, instead of text
  --help         this text

Next: export KAFKA_BROKERS=127.0.0.1:${DEFAULT_PORT}, then \`plimsoll topics\` makes the topics.`;

function wrongUsage(message) {
  process.stderr.write(`${message}\n\n${usage}\n`);
  process.exit(2);
}

function integer(name, text, low, high) {
  const value = Number(text);
  if (!Number.isInteger(value) || text.trim() === "" || value < low || value > high) {
    wrongUsage(`--${name} must be a whole number from ${low} to ${high}, not "${text}"`);
  }
  return value;
}

function readArguments() {
  try {
    return parseArgs({
      options: {
        port: { type: "string", default: String(DEFAULT_PORT) },
        data: { type: "string", default: defaultData },
        heap: { type: "string", default: "512" },
        json: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    }).values;
  } catch (error) {
    return wrongUsage(error.message);
  }
}

const args = readArguments();
if (args.help) {
  process.stdout.write(`${usage}\n`);
  process.exit(0);
}
const port = integer("port", args.port, 0, 65_535);
const heapMb = integer("heap", args.heap, 128, 65_536);
const dataDir = resolve(args.data);

const unavailable = kafkaUnavailable();
if (unavailable !== null) {
  process.stderr.write(`${unavailable}\n`);
  process.exit(1);
}

let broker;
let stopping = false;
async function stop() {
  if (stopping) return;
  stopping = true;
  if (broker === undefined) process.exit(1);
  if (!args.json) process.stderr.write("stopping\n");
  await broker.stop();
  process.exit(0);
}
process.on("SIGINT", stop);
process.on("SIGTERM", stop);

try {
  broker = await startBroker({ dataDir, port, heapMb, onProgress: (line) => process.stderr.write(`${line}\n`) });
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}
if (args.json) {
  process.stdout.write(
    `${JSON.stringify({ brokers: broker.brokers, version: broker.version, pid: broker.pid, data: broker.dataDir })}\n`,
  );
} else {
  process.stdout.write(
    `Apache Kafka ${broker.version} is ready at ${broker.brokers}, data in ${broker.dataDir}. Ctrl-C stops it.\n`,
  );
}

const { code, signal } = await broker.exited;
if (!stopping) {
  process.stderr.write(`the broker ended by itself (${signal ?? `exit status ${code}`}); see ${join(dataDir, "broker.log")}\n`);
  process.exit(1);
}
