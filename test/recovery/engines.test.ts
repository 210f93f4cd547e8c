// The short form of `npm run trial:engines`: one round.
import { shortForm } from "./support/short-form";
import { enginesTrial } from "./trials/engines";

shortForm(
  "engines that come, go and die",
  "every account is served by exactly one, with the twin's ledger, and the others say by which",
  (seed, say) => enginesTrial({ seed, rounds: 1 }, say),
);
