// The short form of `npm run trial:workers`: every way twice.
import { shortForm } from "./support/short-form";
import { workersTrial } from "./trials/workers";

shortForm(
  "workers that throw, exit or hang, and a poison event",
  "the shards go on, and only the account of the event is quarantined",
  (seed, say) => workersTrial({ seed, cycles: 6 }, say),
);
