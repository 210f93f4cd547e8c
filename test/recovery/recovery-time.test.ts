// The short form of `npm run trial:recovery-time`: one round, with what is lost and doubled looked at, not the time.
import { shortForm } from "./support/short-form";
import { recoveryTimeTrial, SHORT } from "./trials/recovery-time";

shortForm("a start far behind the log's end", "an account that is OK has all that the log held for it", (seed, say) =>
  recoveryTimeTrial({ seed, ...SHORT }, say),
);
