// `npm start` as a new user meets it: the embedded engine, its database and its market in one process, and the page that
// moves. No fixture between them.
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningEngine, startEngine, until } from "../support/engine-process";
import { browserAvailable, launchBrowser } from "./chromium";
import { eventually, shows } from "./expect";
import { LivePage } from "./page-object";

describe.skipIf(!browserAvailable())("the page of the embedded engine (skipped: no Chromium)", () => {
  let browser: Browser;
  let engine: RunningEngine;
  let dataDir: string;

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "plimsoll-embedded-"));
    // Run by root, PostgreSQL runs as another user, who must get through.
    await chmod(dataDir, 0o755);
    browser = await launchBrowser();
    engine = await startEngine(["--data", dataDir, "--accounts", "200"]);
    await until("the engine is ready", async () => (await fetch(`${engine.page}/readyz`)).status === 200, 60_000);
  }, 120_000);

  afterAll(async () => {
    engine?.command.kill("SIGKILL");
    await browser?.close();
    if (dataDir) await rm(dataDir, { recursive: true, force: true });
  });

  it("moves: accounts, marks, rates; an account opens with its positions; Ctrl-C ends with 0", async () => {
    const live = await LivePage.open(browser, `${engine.page}/`);
    await shows(live.lineState, "Live");
    await shows(live.figure("accounts"), "200");
    const mark = () => live.cell(live.markRow("BTCUSDT"), "mark").textContent();
    const first = await until("a mark is shown", mark);
    await eventually(mark).not.toBe(first);
    await eventually(async () => (await live.topIds()).length).toBeGreaterThan(5);

    // What the page shows of the nearest account is what REST says of it.
    const [id] = await live.topIds();
    await live.search(id);
    const account = await engine.get<{ positionCount: number; freshness: string }>(`/api/v1/accounts/${id}`);
    expect(account.freshness).toBe("OK");
    await eventually(() => live.panel("account-positions").locator("tbody tr").count()).toBeGreaterThan(0);
    await shows(live.accountNumber("equity"), /\d/);
    expect(await live.violations()).toEqual([]);
    expect(live.problems).toEqual([]);

    // The database fills while the page runs.
    await until(
      "rows are written",
      async () => (await engine.get<{ store: { rowsWritten: number } }>("/api/v1/platform")).store.rowsWritten > 100,
      60_000,
    );
    await live.close();
    const ended = await engine.command.interrupt();
    expect({ code: ended.code, stderr: ended.stderr }).toEqual({ code: 0, stderr: "" });
  }, 120_000);
});
