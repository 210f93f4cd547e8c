// `plimsoll up`: runs the engine until it is told to stop.
import { Command } from "commander";
import { Engine } from "../engine/engine";
import { flagsOf, withConfigFlags } from "./config-flags";
import { exitStatusOf, oneLine } from "./failure";

const HELP = `
Without flags everything is embedded: a Kafka cluster in this process, PostgreSQL in .plimsoll/postgres, a synthetic
market. KAFKA_BROKERS and DATABASE_URL (or the flags, or a configuration file) put real servers in their place.

Ctrl-C drains, writes what is pending, and exits 0; a second Ctrl-C ends at once.

Examples:
  plimsoll up
  plimsoll up --brokers 127.0.0.1:9092 --database postgres://plimsoll@127.0.0.1/plimsoll
  plimsoll up --config plimsoll.json --set engine.workers=8`;

export function upCommand(): Command {
  return withConfigFlags(new Command("up").description("run the engine: Kafka in, risk out"))
    .option("--json", "say what was started as JSON lines")
    .addHelpText("after", HELP)
    .action(async (flags: Record<string, unknown>) => {
      const config = flagsOf(flags);
      const json = flags.json === true;
      const say = (line: string) =>
        process.stdout.write(
          json
            ? `${JSON.stringify({ event: "started", part: line.split(/\s+/)[0], detail: line.replace(/^\S+\s+/, "") })}\n`
            : `  ${line}\n`,
        );
      const warn = (line: string) =>
        process.stderr.write(json ? `${JSON.stringify({ event: "warning", message: line })}\n` : `plimsoll: ${line}\n`);
      let engine: Engine | undefined;
      let asked = false;
      let starting = true;
      const end = async () => {
        if (!engine) return;
        if (!json) process.stdout.write("\nstopping: draining, writing what is pending …\n");
        await engine.stop();
        if (!json) process.stdout.write("stopped\n");
        process.exit(0);
      };
      const onSignal = () => {
        // At once: nothing is awaited, no thread is asked.
        if (asked) process.kill(process.pid, "SIGKILL");
        asked = true;
        if (!starting) void end();
      };
      process.on("SIGINT", onSignal);
      process.on("SIGTERM", onSignal);
      if (!json) process.stdout.write("plimsoll starts\n");
      engine = await Engine.start(config, {
        say,
        warn,
        onFailure: (error) => {
          process.stderr.write(`plimsoll: ${oneLine(error)}\n`);
          process.exit(exitStatusOf(error));
        },
      });
      starting = false;
      const { page, stream, metrics } = engine.addresses;
      if (json) process.stdout.write(`${JSON.stringify({ event: "ready", page, stream, metrics })}\n`);
      else process.stdout.write(`\nopen ${page}\n\nCtrl-C drains, writes what is pending, and exits\n`);
      if (asked) await end();
    });
}
