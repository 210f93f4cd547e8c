// Rows the database refuses for what they hold (a constraint or trigger of the operator's own): kept as a spill file in
// the folder `refused`, which nobody empties but the operator. docs/store.md says how to bring them back.
import { join } from "node:path";
import type { LoadedBatch } from "./spill/record";
import { SpillLog } from "./spill/spill-log";

export class RefusedRows {
  private log: Promise<SpillLog> | null = null;

  constructor(
    private readonly spillDir: string,
    private readonly lane: string,
  ) {}

  async keep(batch: LoadedBatch): Promise<void> {
    // Opened with the first row: most engines never have one.
    this.log ??= SpillLog.open(join(this.spillDir, "refused"), this.lane).then(({ log }) => log);
    try {
      const log = await this.log;
      await log.append([batch]);
      await log.sync();
    } catch (error) {
      this.log = null;
      throw error;
    }
  }

  async close(): Promise<void> {
    await (await this.log?.catch(() => null))?.close();
  }
}
