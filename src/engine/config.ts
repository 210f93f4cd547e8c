// The configuration: every key once, with its type, default, limits and where it may come from. Flags win over the
// environment, the environment over the file, the file over the defaults. Nothing is guessed: an unknown key or a value
// out of range stops the engine before anything starts.
import { readFileSync } from "node:fs";
import { API_CONFIG_DEFAULTS, type ApiConfig } from "../api/config";
import { checkBrokers, SESSION_TIMEOUT_MS } from "../ingest/kafka/settings";
import { PlimsollError } from "../shared/errors";
import { DEFAULT_SHARD_CAPACITY, type ShardCapacity } from "../shared/shard-memory";
import { checkDatabaseUrl, STORE_CONFIG_DEFAULTS, type StoreConfig } from "../store/config";

type Value = string | number | boolean | null | string[];

interface Key {
  type: "text" | "integer" | "boolean" | "list";
  default: Value;
  /** Environment variable beside PLIMSOLL_SECTION_KEY. */
  env?: string;
  min?: number;
  max?: number;
  /** Allowed texts. */
  oneOf?: readonly string[];
  nullable?: boolean;
  check?(value: string): void;
  about: string;
}

type IntegerKey = Key & { type: "integer"; nullable?: false };
type TextKey = Key & { type: "text"; nullable?: false };

const count = (value: number, min: number, max: number, about: string): IntegerKey => ({
  type: "integer",
  default: value,
  min,
  max,
  about,
});
const port = (value: number, about: string) => count(value, 0, 65_535, about);
const ms = (value: number, about: string, min = 1) => count(value, min, 86_400_000, about);
const text = (value: string, about: string): TextKey => ({ type: "text", default: value, about });

const http = API_CONFIG_DEFAULTS.http;
const stream = API_CONFIG_DEFAULTS.stream;
const store = STORE_CONFIG_DEFAULTS;

/** Every key there is. */
export const CONFIG_KEYS = {
  "kafka.brokers": {
    type: "text",
    default: null,
    nullable: true,
    env: "KAFKA_BROKERS",
    check: (value: string) => void checkBrokers(value),
    about: "host:port[,host:port…] of the Kafka cluster; left out: an embedded one in this process",
  },
  "kafka.prefix": { type: "text", default: "plimsoll.", check: checkPrefix, about: "what the topics' names begin with" },
  "kafka.groupId": text("plimsoll", "consumer group; engines of one group share the accounts"),
  "kafka.accountPartitions": count(4, 1, 1024, "partitions of `accounts` when it is created: the shards"),
  "kafka.createTopics": { type: "boolean", default: true, about: "create topics that are not there" },
  "kafka.connectTimeoutMs": ms(10_000, "how long a broker may take to answer at start", 100),
  "kafka.sessionTimeoutMs": ms(
    SESSION_TIMEOUT_MS,
    "an engine silent for so long is given up and its accounts go to others; within the brokers' limits",
    1000,
  ),
  "kafka.marketBackfill": count(20_000, 0, 100_000_000, "messages of each `market` partition read back at start"),
  "database.url": {
    type: "text",
    default: null,
    nullable: true,
    env: "DATABASE_URL",
    check: (value: string) => {
      if (value !== "off") checkDatabaseUrl(value);
    },
    about: "postgres://…, or off for none; left out: an embedded PostgreSQL",
  },
  "engine.name": text("plimsoll", "this engine's name in answers and logs"),
  "engine.dataDir": text(".plimsoll", "folder of the embedded database, spill files and snapshots"),
  "engine.workers": count(0, 0, 256, "shard worker threads; 0: cores − 2, at least 1"),
  "engine.spinRounds": count(-1, -1, 1_000_000_000, "idle rounds before a worker sleeps; −1: 50 on up to 2 cores, 5,000 above"),
  "engine.busySpin": {
    type: "boolean",
    default: false,
    about: "shard workers never sleep: for machines with a core for each of them (engine.cores)",
  },
  "engine.cores": {
    type: "list",
    default: [],
    check: (value: string) => {
      if (!/^\d{1,4}$/.test(value)) throw new Error(`${value} is not the number of a core`);
    },
    about: "cores that shard workers are pinned to, in turn, comma-separated; left out: wherever the system puts them",
  },
  "engine.hangMs": ms(5000, "a shard worker that has not gone round for so long is replaced", 100),
  "engine.staleAfterMs": ms(10_000, "age of a mark from which what rests on it is STALE"),
  "engine.stopTimeoutMs": ms(20_000, "how long draining and writing may take at the end", 1000),
  "snapshot.intervalMs": ms(30_000, "between two snapshots of a shard", 100),
  "snapshot.bytes": count(64 * 1024 * 1024, 64, 2 ** 40, "applied events after which one is made before its time"),
  "snapshot.sharedDir": {
    type: "text",
    default: null,
    nullable: true,
    about:
      "folder that all engines of the group reach: snapshots for whoever takes a shard over; beside <engine.dataDir>/snapshots",
  },
  "capacity.accounts": count(DEFAULT_SHARD_CAPACITY.accounts, 16, 4_000_000, "accounts a shard"),
  "capacity.balances": count(DEFAULT_SHARD_CAPACITY.balances, 16, 16_000_000, "balances a shard"),
  "capacity.positions": count(DEFAULT_SHARD_CAPACITY.positions, 16, 16_000_000, "positions a shard"),
  "capacity.orders": count(DEFAULT_SHARD_CAPACITY.orders, 16, 16_000_000, "open orders a shard"),
  "capacity.inputRecords": {
    ...count(DEFAULT_SHARD_CAPACITY.inputRecords, 16_384, 4_194_304, "records of a shard's input ring, a power of two"),
  },
  "capacity.fillRecords": {
    ...count(DEFAULT_SHARD_CAPACITY.fillRecords, 1024, 4_194_304, "records of a shard's fill ring, a power of two"),
  },
  "capacity.alertRecords": {
    ...count(DEFAULT_SHARD_CAPACITY.alertRecords, 1024, 4_194_304, "records of a shard's alert ring, a power of two"),
  },
  "http.host": text(http.host, "address to listen on; only this machine unless told otherwise"),
  "http.port": port(http.port, "page, REST and metrics; 0: any free port"),
  "http.advertisedUrl": {
    type: "text",
    default: null,
    nullable: true,
    about: "where other engines send clients whose account is here; left out: http.host and http.port",
  },
  "http.allowedOrigins": { type: "list", default: [], about: "further origins whose pages may open the stream, comma-separated" },
  "http.requestTimeoutMs": ms(http.requestTimeoutMs, "a request must have arrived"),
  "http.connectionTimeoutMs": ms(http.connectionTimeoutMs, "silence on a connection in use"),
  "http.handlerTimeoutMs": ms(http.handlerTimeoutMs, "a route may take"),
  "http.keepAliveTimeoutMs": ms(http.keepAliveTimeoutMs, "an idle connection is kept"),
  "http.metricsPort": {
    type: "integer",
    default: null,
    nullable: true,
    min: 0,
    max: 65_535,
    about: "listener of its own for /metrics; left out: on http.port",
  },
  "stream.host": text(stream.host, "address the stream listens on"),
  "stream.port": port(stream.port, "WebSocket stream; 0: any free port"),
  "stream.advertisedUrl": { type: "text", default: null, nullable: true, about: "the same for the stream" },
  "stream.transport": {
    type: "text",
    default: stream.transport,
    oneOf: ["auto", "uws", "ws"],
    about: "uWebSockets where its binary loads, else ws",
  },
  "stream.maxClients": count(stream.maxClients, 1, 1_000_000, "clients at once"),
  "stream.maxSubscriptions": count(stream.maxSubscriptions, 1, 10_000, "channels of one client"),
  "stream.idleTimeoutMs": ms(stream.idleTimeoutMs, "silence until a client is dropped", 1000),
  "stream.rawPollMs": ms(stream.rawPollMs, "between two looks for `raw` channels"),
  "stream.topCount": count(stream.topCount, 1, 200, "accounts in risk.top"),
  "stream.unknownAccounts": {
    type: "text",
    default: stream.unknownAccounts,
    oneOf: ["error", "wait"],
    about: "what subscribing to an account that is not here does",
  },
  "auth.mode": { type: "text", default: "open", oneOf: ["open", "keys"], about: "open: everybody who reaches the port may read" },
  "auth.keysFile": { type: "text", default: null, nullable: true, about: "JSON file of hashed API keys" },
  "store.migrate": { type: "boolean", default: store.migrate, about: "bring the database up to date at start" },
  "store.flushIntervalMs": ms(store.flushIntervalMs, "between two samples of what changed", 10),
  "store.sampleRowsPerFlush": count(store.sampleRowsPerFlush, 1, 1_000_000, "rows sampled a flush"),
  "store.writeDeadlineMs": ms(store.writeDeadlineMs, "a write may take", 100),
  "store.connectDeadlineMs": ms(store.connectDeadlineMs, "a connection may take", 100),
  "store.expire": { type: "boolean", default: store.expire, about: "delete rows older than their retention" },
  "sim.accounts": count(1000, 4, 1_000_000, "accounts of the synthetic market (embedded Kafka only)"),
  "sim.seed": count(1, 0, 2 ** 31, "seed of the synthetic market"),
  "sim.tradesPerSecond": count(40, 0, 20_000, "prints a second of the synthetic market"),
  "log.level": {
    type: "text",
    default: "info",
    oneOf: ["fatal", "error", "warn", "info", "debug", "silent"],
    about: "what is logged",
  },
} as const satisfies Record<string, Key>;

export type ConfigKey = keyof typeof CONFIG_KEYS;
type ValueOf<K extends Key> =
  | (K["type"] extends "text" ? string : K["type"] extends "integer" ? number : K["type"] extends "boolean" ? boolean : string[])
  | (K extends { readonly nullable: true } ? null : never);
export type Config = { [K in ConfigKey]: ValueOf<(typeof CONFIG_KEYS)[K]> };

function checkPrefix(value: string): void {
  if (!/^[A-Za-z0-9._-]{0,200}$/.test(value)) throw new Error('may hold letters, digits, ".", "_" and "-" only');
}

function invalid(source: string, key: string, what: string): PlimsollError {
  return new PlimsollError("CONFIG_INVALID", `${source}: ${key} ${what}`);
}

/** The key nearest in spelling, for the message about an unknown one. */
function nearest(key: string): string {
  let best = "";
  let bestDistance = 4;
  for (const known of Object.keys(CONFIG_KEYS)) {
    let row = Array.from({ length: known.length + 1 }, (_, i) => i);
    for (let i = 1; i <= key.length; i++) {
      const next = [i];
      for (let j = 1; j <= known.length; j++)
        next[j] = Math.min(next[j - 1] + 1, row[j] + 1, row[j - 1] + (key[i - 1] === known[j - 1] ? 0 : 1));
      row = next;
    }
    if (row[known.length] < bestDistance) {
      bestDistance = row[known.length];
      best = known;
    }
  }
  return best === "" ? "" : ` (did you mean ${best}?)`;
}

/** One value, from JSON or from text, as its key wants it. `source` is named in the error. */
function readValue(source: string, name: string, given: unknown): Value {
  const key = (CONFIG_KEYS as Record<string, Key>)[name];
  if (!key) throw new PlimsollError("CONFIG_UNKNOWN_KEY", `${source}: unknown key ${name}${nearest(name)}`);
  if (given === null || (given === "" && key.nullable)) {
    if (key.nullable) return null;
    throw invalid(source, name, "must not be null");
  }
  switch (key.type) {
    case "integer": {
      const number = typeof given === "string" && /^-?\d+$/.test(given.trim()) ? Number(given) : given;
      if (typeof number !== "number" || !Number.isSafeInteger(number))
        throw invalid(source, name, `must be a whole number, not ${JSON.stringify(given)}`);
      if (number < key.min! || number > key.max!)
        throw invalid(source, name, `must be from ${key.min} to ${key.max}, not ${number}`);
      return number;
    }
    case "boolean": {
      const value = given === "true" ? true : given === "false" ? false : given;
      if (typeof value !== "boolean") throw invalid(source, name, `must be true or false, not ${JSON.stringify(given)}`);
      return value;
    }
    case "list": {
      const list =
        typeof given === "string"
          ? given
              .split(",")
              .map((part) => part.trim())
              .filter(Boolean)
          : given;
      if (!Array.isArray(list) || list.some((part) => typeof part !== "string"))
        throw invalid(source, name, "must be a list of texts");
      for (const part of list as string[]) checked(key, source, name, part);
      return list as string[];
    }
    default: {
      if (typeof given !== "string") throw invalid(source, name, `must be a text, not ${JSON.stringify(given)}`);
      if (given === "") throw invalid(source, name, "must not be empty");
      if (key.oneOf && !key.oneOf.includes(given))
        throw invalid(source, name, `must be ${key.oneOf.join(" or ")}, not ${JSON.stringify(given)}`);
      checked(key, source, name, given);
      return given;
    }
  }
}

function checked(key: Key, source: string, name: string, value: string): void {
  try {
    key.check?.(value);
  } catch (error) {
    throw invalid(source, name, `is not usable: ${(error as Error).message}`);
  }
}

function readFile(path: string): Map<string, Value> {
  let raw: string;
  try {
    raw = readFileSync(path, "utf8");
  } catch (error) {
    throw new PlimsollError(
      "CONFIG_FILE_UNREADABLE",
      `${path}: ${(error as NodeJS.ErrnoException).code === "ENOENT" ? "no such file" : (error as Error).message}`,
    );
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(raw);
  } catch (error) {
    throw new PlimsollError("CONFIG_FILE_UNREADABLE", `${path}: not JSON: ${(error as Error).message}`);
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed))
    throw new PlimsollError("CONFIG_FILE_UNREADABLE", `${path}: must hold one JSON object of sections`);
  const values = new Map<string, Value>();
  for (const [section, keys] of Object.entries(parsed)) {
    if (typeof keys !== "object" || keys === null || Array.isArray(keys)) {
      if (!Object.keys(CONFIG_KEYS).some((key) => key.startsWith(`${section}.`)))
        throw new PlimsollError("CONFIG_UNKNOWN_KEY", `${path}: unknown key ${section}${nearest(section)}`);
      throw invalid(path, section, "must be an object of keys");
    }
    for (const [key, value] of Object.entries(keys)) values.set(`${section}.${key}`, readValue(path, `${section}.${key}`, value));
  }
  return values;
}

/** PLIMSOLL_HTTP_PORT for http.port, PLIMSOLL_KAFKA_GROUP_ID for kafka.groupId. */
export function environmentName(key: string): string {
  return `PLIMSOLL_${key
    .replace(/([A-Z])/g, "_$1")
    .replace(".", "_")
    .toUpperCase()}`;
}

export interface ConfigSources {
  file?: string | undefined;
  env: NodeJS.ProcessEnv;
  /** key → text, as given on the command line; what is named in an error. */
  flags: Record<string, { flag: string; value: string }>;
}

/**
 * Reads and checks everything.
 *
 * @throws PlimsollError CONFIG_FILE_UNREADABLE, CONFIG_UNKNOWN_KEY, CONFIG_INVALID: one line, naming where and what
 */
export function loadConfig(sources: ConfigSources): Config {
  const values: Record<string, Value> = {};
  for (const [name, key] of Object.entries(CONFIG_KEYS)) values[name] = key.default as Value;
  const path = sources.file ?? sources.env.PLIMSOLL_CONFIG;
  if (path) for (const [name, value] of readFile(path)) values[name] = value;
  const known = new Set(["PLIMSOLL_CONFIG"]);
  for (const [name, key] of Object.entries(CONFIG_KEYS) as [string, Key][]) {
    known.add(environmentName(name));
    for (const variable of [key.env, environmentName(name)]) {
      const given = variable === undefined ? undefined : sources.env[variable];
      if (given !== undefined && given !== "") values[name] = readValue(variable as string, name, given);
    }
  }
  for (const variable of Object.keys(sources.env)) {
    if (variable.startsWith("PLIMSOLL_") && !known.has(variable) && !variable.startsWith("PLIMSOLL_TEST_"))
      throw new PlimsollError("CONFIG_UNKNOWN_KEY", `environment: unknown variable ${variable}`);
  }
  for (const [name, { flag, value }] of Object.entries(sources.flags)) values[name] = readValue(flag, name, value);
  const config = values as unknown as Config;
  for (const name of ["capacity.inputRecords", "capacity.fillRecords", "capacity.alertRecords"] as const) {
    if ((config[name] & (config[name] - 1)) !== 0)
      throw invalid("configuration", name, `must be a power of two, not ${config[name]}`);
  }
  if (config["auth.mode"] === "keys" && config["auth.keysFile"] === null)
    throw invalid("configuration", "auth.keysFile", 'is needed with auth.mode "keys"');
  if (config["http.port"] !== 0 && config["http.port"] === config["stream.port"] && config["http.host"] === config["stream.host"])
    throw invalid("configuration", "stream.port", `is http.port too (${config["http.port"]})`);
  return config;
}

export function shardCapacity(config: Config): ShardCapacity {
  return {
    accounts: config["capacity.accounts"],
    balances: config["capacity.balances"],
    positions: config["capacity.positions"],
    orders: config["capacity.orders"],
    inputRecords: config["capacity.inputRecords"],
    fillRecords: config["capacity.fillRecords"],
    alertRecords: config["capacity.alertRecords"],
  };
}

export function apiConfig(config: Config, webRoot: string | null): ApiConfig {
  const metricsPort = config["http.metricsPort"];
  return {
    staleAfterMs: config["engine.staleAfterMs"],
    http: {
      host: config["http.host"],
      port: config["http.port"],
      webRoot,
      allowedOrigins: config["http.allowedOrigins"],
      metrics: metricsPort === null ? null : { host: config["http.host"], port: metricsPort },
      requestTimeoutMs: config["http.requestTimeoutMs"],
      connectionTimeoutMs: config["http.connectionTimeoutMs"],
      handlerTimeoutMs: config["http.handlerTimeoutMs"],
      keepAliveTimeoutMs: config["http.keepAliveTimeoutMs"],
    },
    stream: {
      host: config["stream.host"],
      port: config["stream.port"],
      transport: config["stream.transport"] as "auto" | "uws" | "ws",
      maxClients: config["stream.maxClients"],
      maxSubscriptions: config["stream.maxSubscriptions"],
      idleTimeoutMs: config["stream.idleTimeoutMs"],
      rawPollMs: config["stream.rawPollMs"],
      topCount: config["stream.topCount"],
      unknownAccounts: config["stream.unknownAccounts"] as "error" | "wait",
    },
    auth: { mode: config["auth.mode"] as "open" | "keys", keysFile: config["auth.keysFile"] },
    logLevel: config["log.level"] as ApiConfig["logLevel"],
  };
}

export function storeConfig(config: Config, databaseUrl: string, logName: string, spillDir: string): StoreConfig {
  return {
    ...STORE_CONFIG_DEFAULTS,
    databaseUrl,
    logName,
    spillDir,
    migrate: config["store.migrate"],
    flushIntervalMs: config["store.flushIntervalMs"],
    sampleRowsPerFlush: config["store.sampleRowsPerFlush"],
    staleAfterMs: config["engine.staleAfterMs"],
    writeDeadlineMs: config["store.writeDeadlineMs"],
    connectDeadlineMs: config["store.connectDeadlineMs"],
    expire: config["store.expire"],
  };
}
