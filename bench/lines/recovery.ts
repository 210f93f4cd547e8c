// How long an engine is away: ten thousand accounts, a snapshot, and a million events that nobody has applied; from the start of the
// process until every account is served OK. The trial of test/recovery does it, with a real broker, a real PostgreSQL and `plimsoll
// up`. Its peer is a Kafka client that connects, reads the same messages and does nothing with them.
import { register } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type * as RecoveryTime from "../../test/recovery/trials/recovery-time";
import { kafkaMissing } from "../harness/kafka";
import type { LeftOut, Line, LineOptions, Row } from "../harness/line";
import { pairedRow } from "../harness/paired";
import { ROOT } from "../harness/paths";

const ACCOUNTS = { quick: 2000, full: 10_000 };
const EVENTS_PER_MESSAGE = 256;
const MS = 1e6;

// Not bundled: it finds what it starts beside itself.
function trial(): Promise<typeof RecoveryTime> {
  register(pathToFileURL(join(ROOT, "scripts", "trial", "ts-hooks.mjs")).href);
  return import(pathToFileURL(join(ROOT, "test", "recovery", "trials", "recovery-time.ts")).href);
}

async function run({ quick, progress }: LineOptions): Promise<(Row | LeftOut)[]> {
  const what = "from exec to every account OK, behind by a million events";
  const missing = await kafkaMissing();
  if (missing !== null) return [{ id: "recovery/every-account-ok", what, leftOut: missing }];
  const { recoveryTimeTrial } = await trial();
  const backlog = quick ? 50_000 : 1_000_000;
  progress(`starting a broker and a database, ${backlog.toLocaleString("en")} events a round`);
  const accounts = quick ? ACCOUNTS.quick : ACCOUNTS.full;
  const options = { seed: 1, accounts, backlog, batch: EVENTS_PER_MESSAGE, rounds: quick ? 3 : 5, compare: !quick };
  const { rounds, found } = await recoveryTimeTrial(options, progress);
  if (found.length > 0) throw new Error(found.join("; "));
  return [
    pairedRow(
      {
        id: "recovery/every-account-ok",
        what: quick ? "from exec to every account OK, behind by 50,000 events" : what,
        unit: "ns",
        better: "lower",
        smallerThanGoal: quick,
        details: {
          accounts,
          backlog,
          eventsPerMessage: EVENTS_PER_MESSAGE,
          askedForAllMs: rounds.map(({ askedMs }) => askedMs).join(", "),
          checked: quick
            ? "every account asked for was OK"
            : "every account asked for was OK; ledgers and rows equal the twin's in the end",
        },
      },
      { name: "Plimsoll", values: rounds.map(({ readyMs }) => readyMs * MS) },
      { name: "a client that only reads", values: rounds.map(({ clientMs }) => clientMs * MS) },
    ),
  ];
}

export const recovery: Line = { id: "recovery", title: "Back after kill −9", runs: "always", run };
