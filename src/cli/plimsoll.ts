#!/usr/bin/env node
// The plimsoll command. Each subcommand is a file beside this one and is loaded only when it is called: `plimsoll eval`
// must not pay for a Kafka client.

// librdkafka's polls and file reads share libuv's thread pool; each consumer that waits for messages takes a thread of it.
process.env.UV_THREADPOOL_SIZE ??= "12";

const { Command, CommanderError } = await import("commander");

export {};

type Loader = () => Promise<import("commander").Command>;

/** Name, one line for the overview, and where the command is. */
const COMMANDS: readonly [name: string, about: string, load: Loader][] = [
  ["up", "run the engine", async () => (await import("./up")).upCommand()],
  ["eval", "evaluate portfolios: JSON lines in, risk out", async () => (await import("./eval")).evalCommand()],
  [
    "option",
    "price options, or find implied vols: JSON lines in and out",
    async () => (await import("./option")).optionCommand(),
  ],
  [
    "replay",
    "feed recorded market data through Kafka into a running engine",
    async () => (await import("./replay")).replayCommand(),
  ],
  ["topics", "create or describe the Kafka topics", async () => (await import("./topics")).topicsCommand()],
  [
    "dead-letter",
    "list, show and redrive messages that were refused",
    async () => (await import("./dead-letter")).deadLetterCommand(),
  ],
  ["migrate", "bring the database up to date", async () => (await import("./migrate")).migrateCommand()],
  ["check-config", "print the configuration as understood", async () => (await import("./check-config")).checkConfigCommand()],
];

const { exitStatusOf, oneLine } = await import("./failure");
const { version } = await import("../engine/host");

const program = new Command("plimsoll")
  .description("Real-time risk engine for crypto derivatives")
  .version(version())
  .showHelpAfterError("(plimsoll --help, plimsoll COMMAND --help)")
  .exitOverride();

const wanted = process.argv[2];
const found = COMMANDS.find(([name]) => name === wanted);
if (found) {
  const command = await found[2]();
  program.addCommand(command.exitOverride().showHelpAfterError(`(plimsoll ${found[0]} --help)`));
} else for (const [name, about] of COMMANDS) program.addCommand(new Command(name).description(about));

// A reader that went away (head, less) ends the command quietly.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(process.exitCode ?? 0);
  throw error;
});

try {
  if (wanted === undefined) {
    program.outputHelp({ error: true });
    process.exitCode = 2;
  } else await program.parseAsync(process.argv);
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else {
    process.stderr.write(`plimsoll: ${oneLine(error)}\n`);
    process.exitCode = exitStatusOf(error);
  }
}
