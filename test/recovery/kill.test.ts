// The short form of `npm run trial:kill`: every named point once, and twice at random.
import { shortForm } from "./support/short-form";
import { KILL_POINTS, killTrial } from "./trials/kill";

const POINTS = [...KILL_POINTS, null, null];

shortForm("an engine killed with −9", "nothing is lost and nothing doubled, wherever it was", (seed, say) =>
  killTrial({ seed, cycles: POINTS.length, points: POINTS, randomMs: 3000 }, say),
);
