// The flags that stand for configuration keys, shared by the commands that have a configuration.
import type { Command } from "commander";
import { type Config, type ConfigKey, loadConfig } from "../engine/config";
import { PlimsollError } from "../shared/errors";

/** Flags with a name of their own; any other key can be given by --set. */
const NAMED: readonly [flag: string, key: ConfigKey, placeholder: string, about: string][] = [
  ["brokers", "kafka.brokers", "host:port,…", "Kafka cluster (KAFKA_BROKERS); left out: embedded"],
  ["prefix", "kafka.prefix", "text", "what the topics' names begin with"],
  ["database", "database.url", "url", "postgres://… (DATABASE_URL), or off; left out: embedded"],
  ["host", "http.host", "address", "address to listen on, page and stream"],
  ["http-port", "http.port", "port", "port of the page, REST and metrics"],
  ["stream-port", "stream.port", "port", "port of the WebSocket stream"],
  ["data", "engine.dataDir", "folder", "folder of the embedded database and spill files"],
  ["workers", "engine.workers", "count", "shard worker threads"],
  ["cores", "engine.cores", "core,…", "cores that shard workers are pinned to, in turn"],
  ["accounts", "sim.accounts", "count", "accounts of the synthetic market"],
  ["seed", "sim.seed", "number", "seed of the synthetic market"],
];

const camel = (flag: string) => flag.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());

export function withConfigFlags(command: Command): Command {
  command.option("--config <file>", "JSON configuration file (PLIMSOLL_CONFIG)");
  for (const [flag, , placeholder, about] of NAMED) command.option(`--${flag} <${placeholder}>`, about);
  command.option("--busy-spin", "shard workers never sleep; for machines with a core for each");
  return command.option(
    "--set <key=value>",
    "any configuration key; may be given again",
    (pair: string, before: string[]) => [...before, pair],
    [] as string[],
  );
}

/** @throws PlimsollError, one line */
export function flagsOf(flags: Record<string, unknown>): Config {
  const given: Record<string, { flag: string; value: string }> = {};
  for (const [flag, key] of NAMED) {
    const value = flags[camel(flag)];
    if (typeof value !== "string") continue;
    given[key] = { flag: `--${flag}`, value };
    if (key === "http.host") given["stream.host"] = { flag: `--${flag}`, value };
  }
  if (flags.busySpin === true) given["engine.busySpin"] = { flag: "--busy-spin", value: "true" };
  for (const pair of (flags.set as string[] | undefined) ?? []) {
    const at = pair.indexOf("=");
    if (at < 1) throw new PlimsollError("CONFIG_INVALID", `--set ${pair}: must be key=value`);
    given[pair.slice(0, at)] = { flag: `--set ${pair.slice(0, at)}`, value: pair.slice(at + 1) };
  }
  return loadConfig({ file: flags.config as string | undefined, env: process.env, flags: given });
}
