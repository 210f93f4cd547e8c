import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startPostgres, type TestPostgres } from "../../test/support/postgres";
import { exitStatusOf } from "./failure";
import { migrateCommand } from "./migrate";

async function run(...args: string[]): Promise<string> {
  let out = "";
  await migrateCommand((text) => {
    out += text;
  }).parseAsync(args, { from: "user" });
  return out;
}

describe("plimsoll migrate", () => {
  let server: TestPostgres;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server?.remove());

  it("says what it would do, does it, and then has nothing to do", async () => {
    expect(await run("--database", server.url, "--dry-run")).toMatch(
      /to apply {2}0001_tables\n[\s\S]*skipped {3}0003_timescaledb_hypertables: /,
    );
    expect(await run("--database", server.url)).toMatch(/applied {3}0001_tables, [\d.]+ ms\n/);
    const again = await run("--database", server.url);
    expect(again).toMatch(/present {3}0001_tables\n[\s\S]*up to date\n$/);
    expect(again).not.toContain("plimsoll-test");
  });

  it("answers in JSON, without the password", async () => {
    const report = JSON.parse(await run("--database", server.url, "--json"));
    expect(report).toMatchObject({
      dryRun: false,
      applied: [],
      present: ["0001_tables", "0002_views", "0007_alert_worst_margin_ratio", "0008_account_worst_margin_ratio"],
    });
    expect(JSON.stringify(report)).not.toContain("plimsoll-test");
  });

  it("takes the address from DATABASE_URL where no flag gives it", async () => {
    const before = process.env.DATABASE_URL;
    process.env.DATABASE_URL = server.url;
    try {
      expect(await run()).toContain("up to date");
    } finally {
      if (before === undefined) delete process.env.DATABASE_URL;
      else process.env.DATABASE_URL = before;
    }
  });

  it.each([
    [[], 2, /--database/],
    [["--database", "mysql://h/d"], 2, /postgres:\/\//],
    [["--database", "nonsense"], 2, /postgres:\/\//],
    [["--database", "postgres://u:secret@127.0.0.1:1/x"], 1, /127\.0\.0\.1:1/],
  ])("%j ends with %i and says why", async (args, status, words) => {
    const before = process.env.DATABASE_URL;
    delete process.env.DATABASE_URL;
    const error = await run(...args).catch((caught: unknown) => caught);
    if (before !== undefined) process.env.DATABASE_URL = before;
    expect(error).toBeInstanceOf(Error);
    expect(exitStatusOf(error)).toBe(status);
    expect((error as Error).message).toMatch(words);
    expect((error as Error).message).not.toContain("secret");
  });
});
