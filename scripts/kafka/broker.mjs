// A real Apache Kafka broker without Docker: fetches its jars with Maven, formats storage and runs one combined
// broker + controller (KRaft) on loopback. Used by scripts/kafka/kafka.mjs (`npm run kafka`) and by test/support/kafka.ts.
// Types: broker.d.mts beside this file.

import { spawn } from "node:child_process";
import { accessSync, constants, createWriteStream, existsSync, readFileSync } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const pomPath = join(here, "pom.xml");
const cacheRoot = join(here, "..", "..", ".plimsoll", "kafka");

/** Version named in pom.xml; also the name of the cache folder, so a new version is a new folder. */
export const KAFKA_VERSION = /<kafka\.version>([^<]+)</.exec(readFileSync(pomPath, "utf8"))[1];

const libsDir = join(cacheRoot, KAFKA_VERSION, "libs");

// One cluster id for every local broker: the id only has to agree between a data folder and its own restarts.
const CLUSTER_ID = "UGxpbXNvbGxMb2NhbEthZg";
const READY_LINE = "Kafka Server started";
const START_DEADLINE_MS = 60_000;
// The broker writes its state down on SIGTERM; half a second is usual, this is where patience ends.
const STOP_DEADLINE_MS = 15_000;
// Of the broker's own output, what an error message may quote.
const LOG_TAIL_LINES = 30;

/** Whether an executable of this name is on the PATH. */
function onPath(name) {
  const names = process.platform === "win32" ? [`${name}.exe`, `${name}.cmd`] : [name];
  return (process.env.PATH ?? "").split(delimiter).some((folder) =>
    names.some((file) => {
      try {
        accessSync(join(folder, file), constants.X_OK);
        return true;
      } catch {
        return false;
      }
    }),
  );
}

/** Why a broker cannot be run here, as a sentence, or null if it can. Reads the PATH and the jar cache only. */
export function kafkaUnavailable() {
  if (!onPath("java")) return "java was not found on the PATH: install a Java 17 (or newer) runtime to run a local Kafka broker";
  if (!existsSync(libsDir) && !onPath("mvn")) {
    return `mvn was not found on the PATH: install Apache Maven, which fetches the jars of Kafka ${KAFKA_VERSION} (once, then cached)`;
  }
  return null;
}

/**
 * Loopback TCP ports that nobody listens on. All are held open until the last one is known, so they differ.
 *
 * @param {number} count 1 or more
 */
export async function freePorts(count) {
  const servers = [];
  try {
    for (let i = 0; i < count; i++) {
      const server = createServer();
      servers.push(server);
      await new Promise((resolve, reject) => {
        server.once("error", reject);
        server.listen(0, "127.0.0.1", resolve);
      });
    }
    return servers.map((server) => server.address().port);
  } finally {
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}

/** Runs a program to its end; on failure the error quotes the end of what it printed. */
function run(program, args, what) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    const keep = (chunk) => {
      output = (output + chunk).slice(-4000);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    child.once("error", (error) => reject(new Error(`${what}: ${error.message}`)));
    child.once("close", (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`${what} failed (${signal ?? `exit status ${code}`}):\n${output.trim()}`));
    });
  });
}

/**
 * Folder that holds the broker's jars, fetched on the first call. A download goes to a folder of its own and is renamed when
 * whole, so one that was cut off is never taken for complete, and two at once do no harm.
 *
 * @param {(line: string) => void} [onProgress]
 */
export async function fetchKafka(onProgress = () => {}) {
  if (existsSync(libsDir)) return libsDir;
  const why = kafkaUnavailable();
  if (why !== null) throw new Error(why);
  onProgress(`fetching Apache Kafka ${KAFKA_VERSION} (46 jars, 45 MB) with mvn, once`);
  const partial = join(cacheRoot, KAFKA_VERSION, `partial-${process.pid}-${Date.now()}`);
  await mkdir(partial, { recursive: true });
  try {
    const args = ["-B", "-q", "-f", pomPath, "dependency:copy-dependencies", `-DoutputDirectory=${partial}`];
    await run("mvn", args, "fetching the Kafka jars with mvn");
    if (!existsSync(join(partial, `kafka_2.13-${KAFKA_VERSION}.jar`))) {
      throw new Error(`mvn ended without error but kafka_2.13-${KAFKA_VERSION}.jar is not among what it fetched`);
    }
    await rename(partial, libsDir).catch((error) => {
      if (!existsSync(libsDir)) throw error; // otherwise someone else was quicker; theirs is as good
    });
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
  return libsDir;
}

function javaArgs(libs, heapMb, quick, main, ...args) {
  return [
    `-Xmx${heapMb}m`,
    "-Xms64m",
    "-XX:+UseSerialGC", // one collector thread: the machine belongs to the engine under test
    ...(quick ? ["-XX:TieredStopAtLevel=1"] : []), // starts in half the time, runs somewhat slower
    "-XX:-UsePerfData",
    "-Djava.awt.headless=true",
    "-Djava.net.preferIPv4Stack=true",
    `-Dlog4j2.configurationFile=${join(here, "log4j2.properties")}`,
    "-cp",
    join(libs, "*"),
    main,
    ...args,
  ];
}

function serverProperties(port, controllerPort, dataDir, settings) {
  const properties = {
    "process.roles": "broker,controller",
    "node.id": 1,
    "controller.quorum.voters": `1@127.0.0.1:${controllerPort}`,
    "controller.listener.names": "CONTROLLER",
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    "advertised.listeners": `PLAINTEXT://127.0.0.1:${port}`,
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "log.dirs": join(dataDir, "log"),
    // A topic comes from `plimsoll topics`; one made by a misspelt name would swallow messages without a word.
    "auto.create.topics.enable": false,
    // One node: nothing can be replicated, and one partition of each internal topic is enough.
    "offsets.topic.num.partitions": 1,
    "offsets.topic.replication.factor": 1,
    "transaction.state.log.num.partitions": 1,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "share.coordinator.state.topic.num.partitions": 1,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    // Kafka waits 3 s for more members before it hands out partitions; locally nobody else is coming.
    "group.initial.rebalance.delay.ms": 0,
    // After kill -9 a broker must wait until its former self is given up: 9 s by default.
    "broker.session.timeout.ms": 2000,
    "broker.heartbeat.interval.ms": 400,
    "log.cleaner.dedupe.buffer.size": 4_194_304, // 128 MiB by default, a quarter of the heap given here
    ...settings,
  };
  return `${Object.entries(properties)
    .map(([key, value]) => `${key}=${value}`)
    .join("\n")}\n`;
}

/** Starts the java process on storage that is formatted, and waits for the line that says it serves. */
async function launch(libs, options, ports, log) {
  const { dataDir, heapMb, quick, settings } = options;
  const configPath = join(dataDir, "server.properties");
  await writeFile(configPath, serverProperties(ports[0], ports[1], dataDir, settings));
  if (!existsSync(join(dataDir, "log", "meta.properties"))) {
    const format = javaArgs(libs, 128, true, "kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", configPath);
    await run("java", format, "formatting Kafka storage");
  }
  const child = spawn("java", javaArgs(libs, heapMb, quick, "kafka.Kafka", configPath), { stdio: ["ignore", "pipe", "pipe"] });
  // The parent must not leave a broker behind, however it ends (kill -9 of the parent excepted).
  const onParentExit = () => child.kill("SIGKILL");
  process.once("exit", onParentExit);
  const exited = new Promise((resolve) => {
    child.once("close", (code, signal) => {
      process.removeListener("exit", onParentExit);
      resolve({ code, signal });
    });
  });
  const tail = [];
  await new Promise((resolve, reject) => {
    const fail = (reason) => {
      clearTimeout(timer);
      child.kill("SIGKILL");
      reject(new Error(`Kafka ${KAFKA_VERSION} did not start: ${reason}${tail.length > 0 ? `\n${tail.join("\n")}` : ""}`));
    };
    const timer = setTimeout(() => fail(`not ready after ${START_DEADLINE_MS / 1000} s`), START_DEADLINE_MS);
    const onData = (chunk) => {
      log.write(chunk);
      for (const line of String(chunk).split("\n")) {
        if (line.trim() === "") continue;
        tail.push(line);
        if (tail.length > LOG_TAIL_LINES) tail.shift();
        if (line.includes(READY_LINE)) {
          clearTimeout(timer);
          resolve();
        }
      }
    };
    child.stdout.on("data", onData);
    child.stderr.on("data", onData);
    child.once("error", (error) => fail(error.message));
    void exited.then(({ code, signal }) => fail(`java ended (${signal ?? `exit status ${code}`})`));
  });
  return { child, exited };
}

/**
 * Starts a broker and waits until it serves.
 *
 * @param {import("./broker.d.mts").BrokerOptions} options
 * @returns {Promise<import("./broker.d.mts").Broker>}
 */
export async function startBroker({ dataDir, port = 0, heapMb = 512, quick = false, settings = {}, onProgress }) {
  const libs = await fetchKafka(onProgress);
  await mkdir(dataDir, { recursive: true });
  const log = createWriteStream(join(dataDir, "broker.log"), { flags: "a" });
  const options = { dataDir, heapMb, quick, settings };

  let ports;
  let running;
  // Between finding a free port and the broker's bind another process may take it; a port of our choice is then chosen again.
  for (let attempt = 1; running === undefined; attempt++) {
    ports = await freePorts(2);
    if (port !== 0) ports[0] = port;
    try {
      running = await launch(libs, options, ports, log);
    } catch (error) {
      const taken = /Address already in use|BindException/.test(error.message);
      if (!taken || port !== 0 || attempt === 3) {
        log.end();
        if (taken && port !== 0) throw new Error(`port ${port} of 127.0.0.1 is taken: choose another, or 0 for any that is free`);
        throw error;
      }
    }
  }

  const end = async (signal) => {
    if (running === undefined) return;
    const { child, exited } = running;
    running = undefined;
    child.kill(signal);
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_DEADLINE_MS);
    await exited;
    clearTimeout(timer);
  };
  return {
    brokers: `127.0.0.1:${ports[0]}`,
    port: ports[0],
    dataDir,
    version: KAFKA_VERSION,
    get pid() {
      return running?.child.pid;
    },
    get exited() {
      return running?.exited ?? Promise.resolve({ code: null, signal: null });
    },
    stop: () => end("SIGTERM"),
    kill: () => end("SIGKILL"),
    async restart() {
      await end("SIGTERM");
      running = await launch(libs, options, ports, log);
    },
  };
}
