// The short form of `npm run trial:damage`: every region and every part once.
import { shortForm } from "./support/short-form";
import { damageTrial } from "./trials/damage";

shortForm("damaged snapshots", "the newest one that is whole is used, and it is said which were not", (seed, say) =>
  damageTrial({ seed }, say),
);
