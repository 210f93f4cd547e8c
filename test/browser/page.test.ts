// The built page in a real browser against a scripted engine: what is shown equals what was sent, and what is not current
// says so.
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type BuiltPage, buildPage } from "./build-page";
import { browserAvailable, launchBrowser } from "./chromium";
import { eventually, hasClass, shows } from "./expect";
import { FixtureEngine } from "./fixture";
import { LivePage, type OpenOptions } from "./page-object";
import { accountRow, alertRow, EVENT_TIME_MS, instrumentRow, platformState, positionRow, shardRow } from "./rows";

describe.skipIf(!browserAvailable())("the live page", () => {
  let built: BuiltPage;
  let browser: Browser;
  let engine: FixtureEngine;
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
    engine = new FixtureEngine({ webRoot: built.webRoot });
    for (const [id, symbol] of ["BTCUSDT", "ETHUSDT", "BTCUSD"].entries()) {
      engine.instruments.set(symbol, instrumentRow(id + 1, symbol));
    }
    await engine.start();
  });

  afterEach(async () => {
    await live?.close();
    await engine.stop();
  });

  async function open(options: OpenOptions = {}): Promise<LivePage> {
    live = await LivePage.open(browser, engine.url, options);
    await shows(live.lineState, "Live");
    return live;
  }

  /** No error in the console, nothing that a policy refused. */
  async function isClean(): Promise<void> {
    expect(await live.violations()).toEqual([]);
    expect(live.problems).toEqual([]);
  }

  it("shows the engine's state as it was sent", async () => {
    engine.platform = platformState({
      shards: [shardRow(0), shardRow(1, { state: "recovering", inputRing: { used: 16_000, capacity: 16_384 } })],
    });
    await open();
    await shows(live.figure("mode"), "embedded");
    await shows(live.figure("version"), "0.1.0");
    await shows(live.figure("event-time"), "06:13:20.042");
    await shows(live.figure("events-rate"), "858.0k");
    await shows(live.figure("messages-rate"), "1,234");
    await shows(live.figure("latency-p50"), "2.30 µs");
    await shows(live.figure("latency-p99"), "14.5 µs");
    await shows(live.figure("latency-p999"), "96.0 µs");
    await shows(live.figure("lag"), "321");
    await shows(live.figure("dead-letters"), "7");
    await shows(live.figure("store"), "52.10k rows/s");
    await shows(live.figure("accounts"), "10,000");
    await shows(live.figure("positions"), "29,600");
    const shards = live.panel("engine").locator("tbody tr");
    await shows(shards.nth(1).locator("td").first(), "recovering");
    await shows(shards.nth(1).locator(".visually-hidden").first(), "16,000 of 16,384 (97.7%)");
    await hasClass(shards.nth(1), "is-stale");
    await isClean();
  });

  it("shows the accounts nearest to liquidation as they were sent, in that order", async () => {
    await open();
    engine.pushTop([
      accountRow("9007199254740991", { status: "liquidation", worstMarginRatio: 1.034, liquidationDistance: 0 }),
      accountRow("12", { liquidationDistance: null, nearestInstrument: null, worstMarginRatio: null }),
    ]);
    const first = live.topRow("9007199254740991");
    await shows(live.cell(first, "equity"), "122,654.32");
    await shows(live.cell(first, "maintenance"), "30,050.25");
    await shows(live.cell(first, "ratio"), "103.40%");
    await shows(live.cell(first, "distance"), "0.00%");
    await shows(live.cell(first, "pnl"), "-2,345.68");
    await shows(live.cell(first, "nearest"), "BTCUSDT");
    await shows(live.cell(first, "freshness"), "06:13:20.042");
    await shows(first.locator(".chip"), "Liquidation");
    await shows(live.cell(live.topRow("12"), "distance"), "–");
    await shows(live.cell(live.topRow("12"), "ratio"), "–");
    expect(await live.topIds()).toEqual(["9007199254740991", "12"]);
    engine.pushTop([accountRow("12"), accountRow("9007199254740991", { equityUsd: -5 })]);
    await eventually(() => live.topIds()).toEqual(["12", "9007199254740991"]);
    await shows(live.cell(first, "equity"), "-5.00");
    await isClean();
  });

  it("holds the order of the rows while someone points at them", async () => {
    await open();
    engine.pushTop([accountRow("1"), accountRow("2"), accountRow("3")]);
    await live.topRow("2").hover();
    engine.pushTop([accountRow("3", { equityUsd: 3 }), accountRow("2"), accountRow("1")]);
    await shows(live.cell(live.topRow("3"), "equity"), "3.00");
    expect(await live.topIds()).toEqual(["1", "2", "3"]);
    await live.figure("mode").hover();
    await eventually(() => live.topIds()).toEqual(["3", "2", "1"]);
  });

  it("shows marks on their tick grid, moving", async () => {
    await open();
    const row = live.markRow("BTCUSDT");
    await shows(live.cell(row, "mark"), "61,234.5");
    engine.pushMark(instrumentRow(1, "BTCUSDT", { mark: 61_240.1, bid: 61_240, ask: null, fundingRate: -0.000125 }));
    await shows(live.cell(row, "mark"), "61,240.1");
    await shows(live.cell(row, "bid"), "61,240.0");
    await shows(live.cell(row, "ask"), "–");
    await shows(live.cell(row, "funding"), "-0.0125%");
    await shows(live.cell(row, "last"), /^61,234\.4 × 0\.012 sell$/);
    await hasClass(live.cell(row, "mark"), "up");
    await isClean();
  });

  it("a burst of thousands of updates ends in the last one", async () => {
    await open();
    const row = live.markRow("BTCUSDT");
    await shows(live.cell(row, "mark"), "61,234.5");
    for (let at = 1; at <= 5_000; at++) engine.pushMark(instrumentRow(1, "BTCUSDT", { mark: 60_000 + at / 10 }));
    for (let at = 1; at <= 500; at++) engine.pushTop([accountRow("1", { equityUsd: at }), accountRow("2")]);
    await shows(live.cell(row, "mark"), "60,500.0");
    await shows(live.cell(live.topRow("1"), "equity"), "500.00");
    await shows(live.lineState, "Live");
    await isClean();
  });

  it("filters instruments, and listens only to those on the page", async () => {
    for (let id = 10; id < 60; id++) engine.instruments.set(`ALT${id}USDT`, instrumentRow(id, `ALT${id}USDT`));
    await open();
    await eventually(() => engine.subscribers("market.BTCUSDT.100ms")).toBe(1);
    expect(engine.subscribers("market.ALT59USDT.100ms")).toBe(0);
    await live.page.getByRole("searchbox", { name: "Filter instruments" }).fill("alt59");
    await eventually(() => engine.subscribers("market.ALT59USDT.100ms")).toBe(1);
    await eventually(() => engine.subscribers("market.BTCUSDT.100ms")).toBe(0);
    engine.pushMark(instrumentRow(59, "ALT59USDT", { mark: 7 }));
    await shows(live.cell(live.markRow("ALT59USDT"), "mark"), "7.0");
  });

  it("opens an account by a deep link and shows it as it was sent", async () => {
    const row = accountRow("42", { status: "warning", worstMarginRatio: 0.8123 });
    engine.accounts.set("42", row);
    engine.positions.set("42", [
      positionRow("BTCUSDT"),
      positionRow("BTCUSD", { settle: "BTC", unrealizedPnl: -0.03355721, liquidationPrice: null }),
    ]);
    engine.balances.set("42", [{ asset: "BTC", wallet: 0.61234567, transfers: 0.5 }]);
    engine.alerts.push(alertRow("42", 1), alertRow("43", 2));
    await open({ hash: "/account/42" });
    await shows(live.accountNumber("id"), "42");
    await shows(live.accountNumber("equity"), "122,654.32");
    await shows(live.accountNumber("maintenance"), "30,050.25");
    await shows(live.accountNumber("initial"), "60,100.50");
    await shows(live.accountNumber("ratio"), "81.23%");
    await shows(live.accountNumber("distance"), "15.32%");
    await shows(live.accountNumber("leverage"), "4.90×");
    await shows(live.accountNumber("pnl"), "-2,345.68");
    await shows(live.panel("account").locator(".chip"), "Warning");
    await shows(live.panel("account").locator(".as-of"), "as of 06:13:20.042");
    const position = live.positionRow("BTCUSDT");
    await shows(live.cell(position, "qty"), "2.500");
    await shows(live.cell(position, "mark"), "61,234.5");
    await shows(live.cell(position, "liquidation"), "51,850.2");
    await shows(live.cell(position, "bankruptcy"), "51,000.1");
    await shows(live.cell(position, "maintenance"), "612.35");
    await shows(live.cell(live.positionRow("BTCUSD"), "pnl"), "-0.03355721");
    await shows(live.cell(live.positionRow("BTCUSD"), "liquidation"), "–");
    await shows(live.balanceRow("BTC").locator("td").first(), "0.61234567");
    await eventually(() => live.page.locator("#account-alerts li").count()).toBe(1);
    engine.pushAccount({ ...row, equityUsd: 1_000_000.5 });
    await shows(live.accountNumber("equity"), "1,000,000.50");
    engine.pushPositions("42", [positionRow("ETHUSDT", { qty: -3 })], [positionRow("BTCUSD")]);
    await shows(live.cell(live.positionRow("ETHUSDT"), "qty"), "-3.000");
    await eventually(() => live.positionRow("BTCUSD").count()).toBe(0);
    await shows(live.cell(position, "qty"), "2.500");
    await isClean();
  });

  it("puts the past in front of the chart where there is a database, and says where there is none", async () => {
    engine.accounts.set("42", accountRow("42"));
    const point = (minute: number) => ({
      timeMs: EVENT_TIME_MS - minute * 60_000,
      equityUsd: 1_000 + minute,
      initialMarginUsd: 500,
      maintenanceMarginUsd: null,
    });
    engine.history = new Map([["42", [point(2_000), point(600), point(5)]]]);
    await open({ hash: "/account/42" });
    await shows(live.accountNumber("equity"), "122,654.32");
    const chart = live.panel("account-chart");
    await chart.getByRole("button", { name: "24 h" }).click();
    await eventually(() => chart.getByRole("button", { name: "24 h" }).getAttribute("aria-pressed")).toBe("true");
    // The first tick of the axis is older than anything the page saw itself; the newest value is the live one.
    await shows(chart.locator(".u-legend .u-value").nth(1), "122,654.32");
    await eventually(() => chart.locator(".hint, .stale-note").count()).toBe(0);
    await isClean();
    engine.history = null;
    await chart.getByRole("button", { name: "7 d" }).click();
    await shows(chart.locator(".stale-note"), "no history: the database does not answer right now");
    await chart.getByRole("button", { name: "Live" }).click();
    await eventually(() => chart.locator(".stale-note").count()).toBe(0);
    engine.platform = platformState({ store: { state: "off" } });
    await eventually(() => chart.getByRole("button", { name: "7 d" }).isDisabled()).toBe(true);
  });

  it("searches for an account, and says what is wrong with an id that is none", async () => {
    engine.accounts.set("77", accountRow("77"));
    await open();
    await live.search("seventy-seven");
    await shows(live.page.locator("#account-search-error"), /An account id is a whole number/);
    await live.search("77");
    await shows(live.accountNumber("id"), "77");
    expect(new URL(live.page.url()).hash).toBe("#/account/77");
    await live.page.goBack();
    await eventually(() => live.panel("top").count()).toBe(1);
  });

  it("says why an account is not shown, and shows it when it appears", async () => {
    await open({ hash: "/account/5" });
    await shows(live.panel("account").locator(".stale-note"), "no account 5 on this engine");
    await hasClass(live.panel("account"), "is-stale");
    await shows(live.accountNumber("equity"), "–");
    engine.accounts.set("5", accountRow("5"));
    await eventually(() => live.accountNumber("equity").textContent()).toBe("122,654.32");
    await hasClass(live.panel("account"), "is-stale", false);
    engine.pushUnavailable("5", "another engine has this account");
    await shows(live.panel("account").locator(".stale-note"), "another engine has this account");
    await hasClass(live.panel("account"), "is-stale");
  });

  it("greys the row that the engine does not vouch for, with the reason as text", async () => {
    await open();
    engine.pushTop([accountRow("1", { freshness: "GAP" }), accountRow("2")]);
    engine.pushMark(instrumentRow(1, "BTCUSDT", { freshness: "STALE" }));
    await hasClass(live.topRow("1"), "is-stale");
    await shows(live.cell(live.topRow("1"), "freshness"), "gap: events are missing");
    await hasClass(live.topRow("2"), "is-stale", false);
    await hasClass(live.markRow("BTCUSDT"), "is-stale");
    await shows(live.cell(live.markRow("BTCUSDT"), "freshness"), "stale: inputs not current");
    const grey = await live.colorOf(live.cell(live.topRow("1"), "equity"));
    expect(grey).toMatch(/^rgb/);
    expect(grey).not.toBe(await live.colorOf(live.cell(live.topRow("2"), "equity")));
    engine.pushTop([accountRow("1"), accountRow("2")]);
    await hasClass(live.topRow("1"), "is-stale", false);
    await isClean();
  });

  it("greys everything when the stream says nothing, and is fresh again when it speaks", async () => {
    await open();
    engine.pushTop([accountRow("1")]);
    await shows(live.cell(live.topRow("1"), "equity"), "122,654.32");
    engine.pulse(false);
    await shows(live.lineState, "Stale");
    await shows(live.banner, /^The stream is stale\. .*no update for \d/);
    for (const id of ["engine", "top", "alerts", "marks"] as const) {
      await hasClass(live.panel(id), "is-stale");
      await shows(live.panel(id).locator(".panel-head .stale-note"), /^no update for \d/);
    }
    engine.pulse(true);
    await shows(live.lineState, "Live");
    await eventually(() => live.banner.count()).toBe(0);
    await hasClass(live.panel("top"), "is-stale", false);
    await isClean();
  });

  it("a lost update greys its channel, is not papered over, and ends in a new subscription", async () => {
    await open();
    engine.pushTop([accountRow("1", { equityUsd: 1 })]);
    await shows(live.cell(live.topRow("1"), "equity"), "1.00");
    await live.page.waitForTimeout(1_200);
    engine.requests.length = 0;
    engine.lose("risk.top.100ms");
    engine.pushTop([accountRow("1", { equityUsd: 2 })]);
    await expect
      .poll(() =>
        engine.requests.filter((request) => JSON.stringify(request.params).includes("risk.top")).map((each) => each.method),
      )
      .toEqual(["public/unsubscribe", "public/subscribe"]);
    await shows(live.cell(live.topRow("1"), "equity"), "2.00");
    await hasClass(live.panel("top"), "is-stale", false);
    expect(engine.connections).toBe(1);
    await isClean();
  });

  it("a channel that keeps losing updates is shown as what it is", async () => {
    await open();
    engine.pushTop([accountRow("1")]);
    await shows(live.cell(live.topRow("1"), "equity"), "122,654.32");
    // Snapshots come, and what follows them never fits.
    const timer = setInterval(() => {
      engine.lose("risk.top.100ms");
      engine.pushTop([accountRow("1", { equityUsd: 666 })]);
    }, 30);
    try {
      await shows(live.panel("top").locator(".panel-head .stale-note"), "an update went missing; asked again");
      await hasClass(live.panel("top"), "is-stale");
      await shows(live.lineState, "Live");
    } finally {
      clearInterval(timer);
    }
    await hasClass(live.panel("top"), "is-stale", false);
  });

  it("after a lost connection it says so, comes back by itself and shows what is true then", async () => {
    await open();
    engine.pushTop([accountRow("1", { equityUsd: 1 })]);
    await shows(live.cell(live.topRow("1"), "equity"), "1.00");
    engine.away(true);
    await shows(live.lineState, /Disconnected|Reconnecting/);
    await shows(live.banner, /Numbers below are .* old and not current/);
    await hasClass(live.panel("top"), "is-stale");
    await hasClass(live.panel("marks"), "is-stale");
    // The numbers stay, as what they were.
    await shows(live.cell(live.topRow("1"), "equity"), "1.00");
    engine.pushTop([accountRow("1", { equityUsd: 2 })]);
    engine.away(false);
    await shows(live.lineState, "Live");
    await shows(live.cell(live.topRow("1"), "equity"), "2.00");
    await hasClass(live.panel("top"), "is-stale", false);
    await eventually(() => live.banner.count()).toBe(0);
    expect(engine.connections).toBe(2);
    // A browser writes each refused connection to the console; nothing else may stand there.
    expect(live.problems.filter((problem) => !problem.includes("WebSocket connection to"))).toEqual([]);
    expect(await live.violations()).toEqual([]);
  });

  it("the wait for the next attempt can be cut short", async () => {
    await open();
    engine.away(true);
    await eventually(() => live.banner.textContent()).toMatch(/next attempt in [2-9] s/);
    engine.away(false);
    await live.page.getByRole("button", { name: "Reconnect now" }).click();
    await shows(live.lineState, "Live");
  });

  it("says that the engine is not ready, and why", async () => {
    engine.platform = platformState({ ready: false, notReady: ["shard 3 is recovering"] });
    await open();
    await shows(live.banner, /The engine is not ready\. Shard 3 is recovering/);
  });

  it("shows alerts newest first, live, and tells a screen reader what is new", async () => {
    engine.alerts.push(alertRow("1", 1));
    await open();
    await eventually(() => live.alertItems().count()).toBe(1);
    await shows(live.spoken, "");
    engine.pushAlert(alertRow("2", 2, { toStatus: "liquidation", worstMarginRatio: 1.002 }));
    await eventually(() => live.alertItems().count()).toBe(2);
    await shows(live.alertItems().first().locator("a"), "2");
    await shows(live.alertItems().first().locator(".chip"), "Liquidation");
    await shows(live.spoken, "Account 2: liquidation");
    expect(await live.spoken.getAttribute("aria-live")).toBe("polite");
  });

  it("hostile text stays text", async () => {
    const hostile = `<img src=x onerror="window.hit=1">"'\`\${1}\u202e&amp;`;
    engine.instruments.set(hostile, instrumentRow(9, hostile));
    engine.accounts.set("1", accountRow("1", { nearestInstrument: hostile, status: hostile as never }));
    engine.positions.set("1", [positionRow(hostile, { settle: "<b>" })]);
    engine.balances.set("1", [{ asset: "<script>window.hit=2</script>", wallet: 1, transfers: 1 }]);
    await open();
    engine.pushTop([
      accountRow("1", { nearestInstrument: hostile, status: hostile as never }),
      accountRow("javascript:alert(1)"),
      accountRow("../2", { freshness: "<i>" as never }),
    ]);
    engine.pushAlert(alertRow("<svg onload=alert(1)>", 1, { instrument: hostile, key: "<k>", toStatus: "constructor" as never }));
    await shows(live.cell(live.topRow("1"), "nearest"), hostile);
    await shows(live.alertItems().first().locator("a"), "<svg onload=alert(1)>");
    await shows(live.alertItems().first().locator(".chip"), "constructor");
    expect(await live.topRow("javascript:alert(1)").locator("a").getAttribute("href")).toBe("#/");
    await shows(live.cell(live.topRow("../2"), "freshness"), "freshness unknown");
    await eventually(() => live.page.locator("#marks tbody th").allTextContents()).toContain(hostile);
    await live.search("1");
    await shows(live.panel("account").locator(".chip"), hostile);
    await shows(live.page.locator("#account-positions tbody th").first(), `${hostile}cross`);
    await shows(live.page.locator("#account-balances tbody th").first(), "<script>window.hit=2</script>");
    expect(await live.page.evaluate("window.hit")).toBeUndefined();
    expect(await live.page.locator("img, script:not([src]), b, i").count()).toBe(0);
    await isClean();
  });

  it("frames that are no JSON-RPC change nothing", async () => {
    await open();
    engine.pushTop([accountRow("1")]);
    await shows(live.cell(live.topRow("1"), "equity"), "122,654.32");
    for (const text of [
      "",
      "{",
      "null",
      "[1]",
      '{"jsonrpc":"2.0","method":"subscription","params":{"channel":"risk.top.100ms","data":7}}',
    ]) {
      engine.sendRaw(text);
    }
    engine.pushTop([accountRow("1", { equityUsd: 8 })]);
    await shows(live.cell(live.topRow("1"), "equity"), "8.00");
    await isClean();
  });

  it("can be used with the keyboard alone", async () => {
    engine.accounts.set("31", accountRow("31"));
    await open();
    engine.pushTop([accountRow("31"), accountRow("32")]);
    await shows(live.cell(live.topRow("31"), "equity"), "122,654.32");
    const focused = (): Promise<string> =>
      live.page.evaluate("document.activeElement.textContent || document.activeElement.id") as Promise<string>;
    await live.page.keyboard.press("Tab");
    expect(await focused()).toBe("Skip to the numbers");
    await live.page.keyboard.press("Enter");
    expect(await live.page.evaluate("document.activeElement.id")).toBe("content");
    // The next stops are the scrolling list of accounts and the first link in it.
    let stops = 0;
    while ((await focused()) !== "31" && stops++ < 10) await live.page.keyboard.press("Tab");
    expect(await focused()).toBe("31");
    await shows(live.panel("top").locator(".hint"), "order held");
    await live.page.keyboard.press("Enter");
    await shows(live.accountNumber("id"), "31");
    expect(await live.page.evaluate("document.activeElement.id")).toBe("content");
    await live.page.keyboard.press("/");
    expect(await live.page.evaluate("document.activeElement.id")).toBe("account-search");
    await live.page.keyboard.type("31");
    await live.page.keyboard.press("Enter");
    await shows(live.accountNumber("id"), "31");
  });

  it("has one h1, landmarks, names for its regions and headers for its tables", async () => {
    await open();
    engine.pushTop([accountRow("1")]);
    await shows(live.cell(live.topRow("1"), "equity"), "122,654.32");
    const count = (selector: string): Promise<number> => live.page.locator(selector).count();
    expect(await count("h1")).toBe(1);
    expect(await count("header")).toBe(1);
    expect(await count("main")).toBe(1);
    expect(await count("search")).toBe(1);
    for (const name of ["Engine", "Nearest to liquidation", "Alerts", "Marks"]) {
      expect(await live.page.getByRole("region", { name, exact: true }).count()).toBe(1);
    }
    expect(await count("table tbody tr:not(:has(th[scope=row])):not(:has(.empty))")).toBe(0);
    expect(await count("thead th:not([scope=col])")).toBe(0);
    expect(await count("input:not([id])")).toBe(0);
    expect(await live.page.evaluate("document.documentElement.lang")).toBe("en");
  });

  it.each([
    ["a phone", 390, 844],
    ["a small tablet", 820, 1180],
    ["a desk", 1920, 1080],
  ])("fits %s without scrolling sideways", async (_name, widthPx, heightPx) => {
    engine.accounts.set("1", accountRow("1"));
    engine.positions.set("1", [positionRow("BTCUSDT")]);
    await open({ widthPx, heightPx });
    engine.pushTop([accountRow("1")]);
    await shows(live.cell(live.topRow("1"), "equity"), "122,654.32");
    const overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
    expect(await live.page.evaluate(overflow)).toBe(0);
    await live.search("1");
    await shows(live.accountNumber("equity"), "122,654.32");
    expect(await live.page.evaluate(overflow)).toBe(0);
    await isClean();
  });

  it.each(["dark", "light"] as const)("its text has contrast on %s, fresh and stale", async (colorScheme) => {
    await open({ colorScheme });
    engine.pushTop([accountRow("1", { status: "warning" }), accountRow("2", { freshness: "GAP" })]);
    engine.pushAlert(alertRow("3", 1, { toStatus: "bankrupt" }));
    await shows(live.cell(live.topRow("1"), "equity"), "122,654.32");
    expect(await live.page.evaluate(CONTRAST)).toEqual([]);
  });

  it("signs in where the engine asks for a key", async () => {
    const secret = "s".repeat(43);
    const locked = new FixtureEngine({ webRoot: built.webRoot, key: `desk-1.${secret}` });
    locked.instruments.set("BTCUSDT", instrumentRow(1, "BTCUSDT"));
    await locked.start();
    try {
      live = await LivePage.open(browser, locked.url);
      const key = live.page.getByLabel("API key");
      await shows(live.page.locator(".sign-in [role=alert]"), "This engine asks for an API key");
      await key.fill("nonsense");
      await key.press("Enter");
      await shows(live.page.locator(".sign-in [role=alert]"), /A key has the form id\.secret/);
      await key.fill(`desk-1.${"x".repeat(43)}`);
      await key.press("Enter");
      await shows(live.page.locator(".sign-in [role=alert]"), "Unknown key or wrong secret");
      await key.fill(`desk-1.${secret}`);
      await key.press("Enter");
      await shows(live.lineState, "Live");
      await shows(live.cell(live.markRow("BTCUSDT"), "mark"), "61,234.5");
      await live.page.reload();
      await shows(live.lineState, "Live");
      expect(live.page.url()).not.toContain(secret);
      await isClean();
    } finally {
      await live.close();
      await locked.stop();
    }
  });

  it("shows event times, not the clock of the one who looks", async () => {
    engine.platform = platformState({ marketEventMs: EVENT_TIME_MS + 5, shards: [shardRow(0, { lastEventMs: EVENT_TIME_MS })] });
    await open();
    await shows(live.figure("event-time"), "06:13:20.047");
  });
});

/** Runs in the page: elements whose own text stands out less than 4.5 : 1 (3 : 1 where it is large) from what is behind it. */
const CONTRAST = `(() => {
  const channel = (value) => (value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const parse = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => 0.2126 * channel(r / 255) + 0.7152 * channel(g / 255) + 0.0722 * channel(b / 255);
  const behind = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const poor = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim() !== "");
    if (!own || element.getClientRects().length === 0 || element.closest(".visually-hidden, svg, noscript") !== null) continue;
    const style = getComputedStyle(element);
    const [a, b] = [light(parse(style.color)), light(behind(element))].sort((x, y) => y - x);
    const size = parseFloat(style.fontSize);
    const needed = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < needed) poor.push(element.className + " " + element.textContent.trim().slice(0, 20) + " " + ratio.toFixed(2));
  }
  return [...new Set(poor)];
})()`;
