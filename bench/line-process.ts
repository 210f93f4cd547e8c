// One line of the bench in a process of its own: no line sees the compilers, heaps and caches that another one left.
// The parent says which; the rows go back as a message, and everything that was started is ended first.
import { cleanUpAll } from "./harness/cleanup";
import type { LeftOut, Row } from "./harness/line";
import { LINES } from "./lines";

export interface LineOrder {
  id: string;
  quick: boolean;
  events: number | null;
}

export type LineReport =
  | { type: "progress"; text: string }
  | { type: "rows"; rows: (Row | LeftOut)[] }
  | { type: "failed"; message: string };

function say(report: LineReport): Promise<void> {
  return new Promise((resolve) => process.send!(report, () => resolve()));
}

async function end(status: number): Promise<never> {
  await cleanUpAll();
  process.exit(status);
}

// The parent lives or dies with the terminal; whatever was started here must not outlive it.
process.on("SIGTERM", () => void end(1));
process.on("SIGINT", () => void end(130));
process.on("disconnect", () => void end(1));

process.once("message", async (order: LineOrder) => {
  try {
    const line = LINES.find(({ id }) => id === order.id);
    if (!line) throw new Error(`there is no line ${order.id}`);
    const rows = await line.run({
      quick: order.quick,
      events: order.events,
      progress: (text) => void process.send!({ type: "progress", text } satisfies LineReport),
    });
    await cleanUpAll();
    await say({ type: "rows", rows });
    process.exit(0);
  } catch (error) {
    await cleanUpAll();
    await say({ type: "failed", message: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    process.exit(1);
  }
});
