// Lets no write through before the tables are there. Whoever comes first migrates (or only looks, where the store may
// not migrate); the others wait for the same outcome. After a failure the next one tries again.
import { publicUrl } from "./config";
import { withDeadline } from "./deadline";
import { errorText, StoreError } from "./errors";
import { connect } from "./link";
import { findMigrationsDir, readMigrations } from "./migrations/files";
import { type MigrateReport, migrate } from "./migrations/runner";

export interface SchemaGateOptions {
  url: string;
  migrate: boolean;
  connectDeadlineMs: number;
  migrationsDir?: string;
  onMigrated?: (report: MigrateReport) => void;
}

export class SchemaGate {
  private outcome: Promise<void> | null = null;

  constructor(private readonly options: SchemaGateOptions) {}

  ready(): Promise<void> {
    this.outcome ??= this.prepare().catch((error: unknown) => {
      this.outcome = null;
      throw error;
    });
    return this.outcome;
  }

  /** A table turned out to be missing: the next ready() looks again. */
  lost(): void {
    this.outcome = null;
  }

  private async prepare(): Promise<void> {
    const { url, connectDeadlineMs } = this.options;
    const dir = this.options.migrationsDir ?? findMigrationsDir();
    if (this.options.migrate) {
      const report = await migrate({ url, dir, connectDeadlineMs });
      this.options.onMigrated?.(report);
      return;
    }
    const link = connect({ url, applicationName: "plimsoll-store", connectDeadlineMs, statementDeadlineMs: connectDeadlineMs });
    try {
      const unreachable = () =>
        new StoreError("STORE_DATABASE_UNREACHABLE", `${publicUrl(url)}: no answer within ${connectDeadlineMs} ms`);
      const query = link.sql<{ there: boolean }[]>`select to_regclass('plimsoll_migrations') is not null as there`;
      const [row] = await withDeadline(query, connectDeadlineMs, unreachable);
      const applied = row!.there
        ? await withDeadline(
            link.sql<{ number: number }[]>`select number from plimsoll_migrations`,
            connectDeadlineMs,
            unreachable,
          )
        : [];
      const numbers = new Set(applied.map(({ number }) => number));
      const missing = readMigrations(dir).filter((migration) => migration.requires === null && !numbers.has(migration.number));
      if (missing.length > 0) {
        throw new StoreError("STORE_SCHEMA_MISSING", `${publicUrl(url)}: migration ${missing[0]!.name} was not applied`);
      }
    } catch (error) {
      if (error instanceof StoreError) throw error;
      throw new StoreError("STORE_DATABASE_UNREACHABLE", `${publicUrl(url)}: ${errorText(error)}`, null, { cause: error });
    } finally {
      await link.end();
    }
  }
}
