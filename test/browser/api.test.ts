// The built page against the api itself: the two must understand each other without the fixture between them.
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { FakeEngine } from "../../src/api/testing/fake-engine";
import { fakeAccount, fakeAlert, fakeInstrument, fakePosition } from "../../src/api/testing/fake-rows";
import { type Running, startTestApi } from "../../src/api/testing/harness";
import { STORE_STATES, StatsWriter } from "../../src/shared/stats";
import type { AccountRiskPoint } from "../../src/store/history";
import { type BuiltPage, buildPage } from "./build-page";
import { browserAvailable, launchBrowser } from "./chromium";
import { eventually, hasClass, shows } from "./expect";
import { LivePage } from "./page-object";

function pastPoint(timeMs: number): AccountRiskPoint {
  return {
    timeMs,
    equityUsd: 1_000,
    equityMinUsd: 990,
    equityMaxUsd: 1_010,
    walletBalanceUsd: 1_000,
    unrealizedPnlUsd: 0,
    initialMarginUsd: 100,
    maintenanceMarginUsd: 50,
    availableUsd: 900,
    marginRatio: 0.05,
    marginRatioMax: 0.06,
    grossExposureUsd: 1_000,
    netExposureUsd: 1_000,
    liquidationDistanceMin: null,
    status: "ok",
    freshness: null,
    samples: 60,
  };
}

describe.skipIf(!browserAvailable())("the live page on the api", () => {
  let built: BuiltPage;
  let browser: Browser;
  let engine: FakeEngine;
  let running: Running;
  let live: LivePage;

  beforeAll(async () => {
    built = await buildPage();
    browser = await launchBrowser();
  });

  afterAll(async () => {
    await browser?.close();
    await built?.remove();
  });

  beforeEach(async () => {
    engine = FakeEngine.withAccounts(3);
    running = await startTestApi(engine, { http: { webRoot: built.webRoot } });
    running.api.platform({ mode: "embedded" });
  });

  afterEach(async () => {
    await live?.close();
    await running?.stop();
  });

  async function open(hash?: string): Promise<void> {
    live = await LivePage.open(browser, `${running.http}/`, hash === undefined ? {} : { hash });
    await shows(live.lineState, "Live");
  }

  async function isClean(): Promise<void> {
    expect(await live.violations()).toEqual([]);
    expect(live.problems).toEqual([]);
  }

  it("shows the engine, accounts, marks and alerts, and what changes in them", async () => {
    await open();
    await shows(live.figure("mode"), "embedded");
    await shows(live.figure("version"), "0.0.0-test");
    await shows(live.figure("accounts"), "3");
    await eventually(() => live.topIds()).toEqual(["1", "2", "3"]);
    await shows(live.cell(live.topRow("2"), "distance"), "2.00%");
    await shows(live.cell(live.markRow("BTCUSDT"), "mark"), "61,000.0");

    engine.shards[0]!.put(
      fakeAccount("3", { liquidationDistance: 0.001, equityUsd: 1_234.5, status: "warning", freshness: "STALE" }),
    );
    engine.market.put(fakeInstrument(1, "BTCUSDT", { mark: 59_999.9 }));
    running.api.alerts([fakeAlert(1, { accountId: "3" })]);
    await eventually(() => live.topIds()).toEqual(["3", "1", "2"]);
    await shows(live.cell(live.topRow("3"), "equity"), "1,234.50");
    await hasClass(live.topRow("3"), "is-stale");
    await shows(live.cell(live.markRow("BTCUSDT"), "mark"), "59,999.9");
    await shows(live.alertItems().first().locator("a"), "3");
    await shows(live.spoken, "Account 3: warning");
    await isClean();
  });

  it("shows one account with positions, balances and alerts, and what changes in them", async () => {
    running.api.alerts([fakeAlert(1, { accountId: "1" }), fakeAlert(2, { accountId: "2" })]);
    await open("/account/1");
    await shows(live.accountNumber("equity"), "1,000.00");
    await shows(live.cell(live.positionRow("BTCUSDT"), "liquidation"), "50,000.0");
    await shows(live.balanceRow("USDT").locator("td").first(), "1,000.00");
    await eventually(() => live.page.locator("#account-alerts li").count()).toBe(1);

    engine.shards[0]!.put(fakeAccount("1", { equityUsd: 900, seq: 2, offset: 11 }), {
      positions: [fakePosition("ETHUSDT", { qty: -2 })],
      balances: [{ asset: "USDT", wallet: 800, transfers: 1000 }],
    });
    await shows(live.accountNumber("equity"), "900.00");
    await shows(live.cell(live.positionRow("ETHUSDT"), "qty"), "-2.0000");
    await eventually(() => live.positionRow("BTCUSDT").count()).toBe(0);
    await shows(live.balanceRow("USDT").locator("td").first(), "800.00");
    await isClean();
  });

  it("shows the past of an account from the database", async () => {
    const asked: object[] = [];
    const none = async () => [];
    await running.stop();
    running = await startTestApi(
      engine,
      { http: { webRoot: built.webRoot } },
      {
        history: {
          accountRisk: async (accountId, span) => {
            asked.push({ accountId, ...span });
            return [pastPoint(span.fromMs), pastPoint(span.toMs - 60_000)];
          },
          positions: none,
          fills: none,
          marks: none,
          alerts: none,
        },
      },
    );
    running.api.platform({ mode: "embedded" });
    await open("/account/1");
    await shows(live.accountNumber("equity"), "1,000.00");
    // As long as the engine says that it has no store, the page does not ask.
    const button = live.panel("account-chart").getByRole("button", { name: "24 h" });
    await eventually(() => button.isDisabled()).toBe(true);
    new StatsWriter(running.stats).set("store.state", STORE_STATES.indexOf("connected"));
    await eventually(() => button.isDisabled()).toBe(false);
    await button.click();
    const asOfMs = fakeAccount("1").asOfMs ?? 0;
    await eventually(() => asked).toEqual([
      { accountId: "1", fromMs: asOfMs - 86_400_000, toMs: asOfMs + 1, resolution: "1m", limit: 10_000 },
    ]);
    await eventually(() => live.panel("account-chart").locator(".hint, .stale-note").count()).toBe(0);
    await isClean();
  });

  it("finds its way back to an engine that was restarted", async () => {
    await open();
    await eventually(() => live.topIds()).toEqual(["1", "2", "3"]);
    const { port } = new URL(running.http);
    await running.stop();
    await shows(live.lineState, /Disconnected|Reconnecting/);
    await hasClass(live.panel("top"), "is-stale");
    engine.shards[0]!.put(fakeAccount("1", { liquidationDistance: 0.01, equityUsd: 7 }));
    // The stream listens on another port now: the page asks for it.
    running = await startTestApi(engine, { http: { webRoot: built.webRoot, port: Number(port) } });
    running.api.platform({ mode: "embedded" });
    await shows(live.lineState, "Live");
    await shows(live.cell(live.topRow("1"), "equity"), "7.00");
    await hasClass(live.panel("top"), "is-stale", false);
    expect(await live.violations()).toEqual([]);
  });
});
