// The short form of `npm run trial:outages`: every outage once.
import { shortForm } from "./support/short-form";
import { OUTAGES, outagesTrial } from "./trials/outages";

shortForm("broker and database away", "nothing is lost or doubled, and every question is answered meanwhile", (seed, say) =>
  outagesTrial({ seed, outages: OUTAGES }, say),
);
