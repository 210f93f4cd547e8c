// REST over real sockets: every route answers as its schema says, every refusal is problem+json, settings hold.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { StoreError } from "../../store/errors";
import { ROUTE_ACCESS } from "../auth/access";
import { API_ERRORS } from "../errors";
import { conforms } from "../testing/conforms";
import { FakeEngine, FakeShard } from "../testing/fake-engine";
import { fakeHistory } from "../testing/fake-history";
import { fakeAccount, fakeAlert, fakeInstrument } from "../testing/fake-rows";
import { type Running, startTestApi } from "../testing/harness";
import { StreamClient } from "../testing/stream-client";
import { ROUTES } from "./server";

// biome-ignore lint/suspicious/noExplicitAny: answers are checked by their schemas
type Json = any;

let running: Running | null = null;
const started: Running[] = [];

afterEach(async () => {
  for (const one of started.splice(0)) await one.stop();
});

async function start(...args: Parameters<typeof startTestApi>): Promise<Running> {
  running = await startTestApi(...args);
  started.push(running);
  return running;
}

async function get(path: string, init: RequestInit = {}): Promise<{ status: number; headers: Headers; body: Json }> {
  const response = await fetch(running!.http + path, { redirect: "manual", ...init });
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.includes("json") === true;
  return { status: response.status, headers: response.headers, body: isJson && text !== "" ? JSON.parse(text) : text };
}

/** Sends bytes as they are; what came back until the connection ended. */
function raw(text: string, port = Number(new URL(running!.http).port)): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    let received = "";
    socket.on("data", (chunk) => (received += chunk));
    socket.on("error", () => {});
    socket.on("close", () => resolve(received));
    socket.write(text);
  });
}

/** The parameters that a route cannot do without. */
function requiredQuery(path: string): string {
  const { required = [] } = ROUTES.find((route) => route.path === path)!.query as { required?: string[] };
  const names = required.filter((name) => name !== "limit");
  return names.length === 0 ? "" : `?${names.map((name) => `${name}=1718000000000`).join("&")}`;
}

function expectProblem(answer: { status: number; headers: Headers; body: Json }, code: keyof typeof API_ERRORS): void {
  expect(answer.body.code).toBe(code);
  expect(answer.status).toBe(API_ERRORS[code].status);
  expect(answer.headers.get("content-type")).toBe("application/problem+json; charset=utf-8");
  expect(answer.body).toMatchObject({
    status: answer.status,
    title: API_ERRORS[code].title,
    detail: expect.any(String),
    type: `/docs#${code}`,
  });
}

/** Three shards of 40 accounts, every kind of number in their rows. */
function bookOfAccounts(): FakeEngine {
  const engine = new FakeEngine();
  engine.market.put(fakeInstrument(1, "BTCUSDT"));
  engine.market.put(
    fakeInstrument(2, "BTC-27SEP24-40000-C", { kind: "option", premium: "base", optionType: "call", strike: 40_000, iv: 0.6 }),
  );
  engine.shards = [0, 1, 2].map((partition) => new FakeShard(partition));
  for (let id = 1; id <= 120; id++) {
    const status = id % 40 === 0 ? "liquidation" : id % 10 === 0 ? "warning" : "ok";
    const liquidationDistance = id % 3 === 0 ? null : ((id * 37) % 101) / 100;
    engine.shards[id % 3]!.put(fakeAccount(String(id), { status, liquidationDistance, equityUsd: id }));
  }
  return engine;
}

describe("the REST interface", () => {
  it("answers every route as /openapi.json says, with finite numbers only", async () => {
    const engine = FakeEngine.withAccounts(3);
    const account = fakeAccount("2", {
      marginRatio: null,
      leverage: null,
      liquidationDistance: null,
      nearestInstrument: null,
      asOfMs: null,
    });
    engine.shards[0]!.put(account);
    engine.shards[0]!.slots[1]!.ledger = {
      id: "2",
      seq: "9223372036854775807",
      holes: "0",
      holesLost: 0,
      balances: [{ assetId: 1, wallet: "-9007199254740993", transfers: "1" }],
      positions: [],
    };
    await start(engine);
    running!.api.setHistory(fakeHistory());
    running!.api.alerts([fakeAlert(1, { accountId: "2" })]);
    running!.api.platform({ mode: "test", broker: { state: "up" } });
    const document = (await get("/openapi.json")).body;
    for (const route of ROUTES) {
      const path = route.path.replace(":accountId", "2").replace(":symbol", "BTCUSDT") + requiredQuery(route.path);
      const answer = await get(path);
      expect([path, answer.status]).toEqual([path, 200]);
      const spec = document.paths[route.path.replace(/:(\w+)/g, "{$1}")].get;
      const schema = spec.responses["200"].content["application/json"].schema;
      expect([path, conforms(document, schema, answer.body)]).toEqual([path, []]);
    }
    expect((await get("/api/v1/accounts/2/ledger")).body).toMatchObject({
      accountId: "2",
      freshness: "OK",
      asOfMs: null,
      offset: 10,
      ledger: { seq: "9223372036854775807", balances: [{ wallet: "-9007199254740993" }] },
    });
  });

  it("serves an OpenAPI 3.1 document whose references, parameters and names hold together", async () => {
    await start(FakeEngine.withAccounts(1));
    const { body, status } = await get("/openapi.json");
    expect(status).toBe(200);
    expect(body.openapi).toBe("3.1.0");
    expect(body.info).toMatchObject({ title: "Plimsoll", version: "0.0.0-test" });
    expect(Object.keys(body.components.schemas)).toContain("Account");
    const refs = JSON.stringify(body).match(/"\$ref":"[^"]+"/g) ?? [];
    expect(refs.length).toBeGreaterThan(10);
    for (const ref of refs) {
      const name = /#\/components\/schemas\/(\w+)"/.exec(ref)?.[1];
      expect([ref, name !== undefined && name in body.components.schemas]).toEqual([ref, true]);
    }
    const ids = new Set<string>();
    for (const [path, methods] of Object.entries<Json>(body.paths)) {
      expect(Object.keys(methods)).toEqual(["get"]);
      const operation = methods.get;
      expect(ids.has(operation.operationId)).toBe(false);
      ids.add(operation.operationId);
      expect(operation.summary).not.toBe("");
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
      const declared = (operation.parameters ?? []).filter((parameter: Json) => parameter.in === "path");
      expect(declared.map((parameter: Json) => parameter.name)).toEqual(inPath);
      expect(declared.every((parameter: Json) => parameter.required)).toBe(true);
      expect(Object.keys(operation.responses)).toEqual(["200", "default"]);
    }
    expect(Object.keys(body.paths)).toHaveLength(ROUTES.length);
  });

  it("has exactly the routes of the access table", () => {
    const inTable = Object.keys(ROUTE_ACCESS).filter((name) => name.startsWith("GET /api/"));
    expect(
      ROUTES.filter((route) => route.path.startsWith("/api/"))
        .map((route) => `GET ${route.path}`)
        .sort(),
    ).toEqual(inTable.sort());
  });

  describe("refuses with a problem that names what is wrong", () => {
    let shared: Running;
    beforeAll(async () => {
      shared = await startTestApi(FakeEngine.withAccounts(1));
    });
    afterAll(() => shared.stop());
    const cases: [string, keyof typeof API_ERRORS, string | null][] = [
      ["/nowhere", "NOT_FOUND", null],
      ["/api/v1/nowhere", "NOT_FOUND", null],
      ["/api/v1/accounts/999", "ACCOUNT_NOT_FOUND", "accountId"],
      ["/api/v1/accounts/abc", "INVALID_PARAMS", "accountId"],
      ["/api/v1/accounts/-1/positions", "INVALID_PARAMS", "accountId"],
      ["/api/v1/accounts/9007199254740992/ledger", "INVALID_PARAMS", "accountId"],
      ["/api/v1/accounts/1e3", "INVALID_PARAMS", "accountId"],
      [`/api/v1/accounts/${"1".repeat(30)}`, "INVALID_PARAMS", "accountId"],
      [`/api/v1/accounts/${"1".repeat(300)}`, "URI_TOO_LONG", null],
      ["/api/v1/instruments/NOPE", "INSTRUMENT_NOT_FOUND", "symbol"],
      ["/api/v1/accounts?limit=0", "INVALID_PARAMS", "limit"],
      ["/api/v1/accounts?limit=1001", "INVALID_PARAMS", "limit"],
      ["/api/v1/accounts?limit=ten", "INVALID_PARAMS", "limit"],
      ["/api/v1/accounts?limit=", "INVALID_PARAMS", "limit"],
      ["/api/v1/accounts?limit=1.5", "INVALID_PARAMS", "limit"],
      ["/api/v1/accounts?limit=1&limit=2", "INVALID_PARAMS", "limit"],
      ["/api/v1/accounts?status=fine", "INVALID_PARAMS", "status"],
      ["/api/v1/accounts?sort=equity", "INVALID_PARAMS", "sort"],
      ["/api/v1/accounts?cursor=xyz", "INVALID_PARAMS", "cursor"],
      ["/api/v1/accounts?cursor=0.1&sort=distance", "INVALID_PARAMS", "cursor"],
      ["/api/v1/accounts?colour=red", "INVALID_PARAMS", "colour"],
      ["/api/v1/engine?access_token=x", "INVALID_PARAMS", "access_token"],
      ["/api/v1/ledger?after=1", "INVALID_PARAMS", "after"],
      ["/api/v1/%zz", "INVALID_REQUEST", null],
      ["/api/v1/history/accounts/1/risk", "INVALID_PARAMS", "fromMs"],
      ["/api/v1/history/accounts/1/risk?fromMs=5&toMs=5", "INVALID_PARAMS", "toMs"],
      ["/api/v1/history/accounts/1/risk?fromMs=1&resolution=1d", "INVALID_PARAMS", "resolution"],
      ["/api/v1/history/accounts/1/fills?fromMs=1&limit=10001", "INVALID_PARAMS", "limit"],
      ["/api/v1/history/accounts/1/positions?atMs=yesterday", "INVALID_PARAMS", "atMs"],
      ["/api/v1/history/accounts/x/fills?fromMs=1", "INVALID_PARAMS", "accountId"],
      ["/api/v1/history/accounts/1/risk?fromMs=1", "HISTORY_UNAVAILABLE", null],
    ];
    it.each(cases)("%s: %s", async (path, code, field) => {
      running = shared;
      const answer = await get(path);
      expectProblem(answer, code);
      expect(answer.body.field ?? null).toBe(field);
      expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
    });
  });

  it("knows a wrong method from a wrong address", async () => {
    await start(FakeEngine.withAccounts(1));
    for (const method of ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"]) {
      const answer = await get("/api/v1/accounts/1/positions", { method });
      expectProblem(answer, "METHOD_NOT_ALLOWED");
      expect(answer.headers.get("allow")).toBe("GET, HEAD");
      expectProblem(await get("/api/v1/nowhere", { method }), "NOT_FOUND");
    }
    expect((await get("/api/v1/engine", { method: "HEAD" })).status).toBe(200);
  });

  it("pages through every account once, in both orders", async () => {
    await start(bookOfAccounts());
    for (const sort of ["partition", "distance"]) {
      const seen: string[] = [];
      const keys: number[] = [];
      let cursor: string | null = "";
      while (cursor !== null) {
        const answer: Json = (
          await get(`/api/v1/accounts?sort=${sort}&limit=7${cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`}`)
        ).body;
        for (const account of answer.accounts) {
          seen.push(account.id);
          keys.push(account.status === "liquidation" ? -1 : (account.liquidationDistance ?? Number.POSITIVE_INFINITY));
        }
        cursor = answer.nextCursor;
      }
      expect(seen).toHaveLength(120);
      expect(new Set(seen).size).toBe(120);
      if (sort === "distance") expect(keys).toEqual([...keys].sort((a, b) => (a === b ? 0 : a < b ? -1 : 1)));
    }
    const warned: Json = (await get("/api/v1/accounts?status=warning&limit=1000")).body;
    expect(warned.nextCursor).toBeNull();
    expect(warned.accounts.map((account: Json) => Number(account.id)).sort((a: number, b: number) => a - b)).toEqual([
      10, 20, 30, 50, 60, 70, 90, 100, 110,
    ]);
  });

  it("pages the ledgers of all accounts, a large one ending its page early", async () => {
    const engine = bookOfAccounts();
    const position = {
      ...{ instrumentId: 1, flags: 0, qtyLots: "1", openCash: "0", realizedPnl: "0", fees: "0", funding: "0" },
      ...{ isolatedMargin: "0", leverage: "0", buyLots: "0", sellLots: "0", buyValue: "0", sellValue: "0" },
    };
    for (const shard of engine.shards) {
      for (const slot of shard.slots) slot.ledger = { ...slot.ledger, positions: Array.from({ length: 250 }, () => position) };
    }
    await start(engine);
    const seen: string[] = [];
    let pages = 0;
    let after: string | null = "";
    while (after !== null) {
      const answer: Json = (await get(`/api/v1/ledger?limit=1000${after === "" ? "" : `&after=${after}`}`)).body;
      seen.push(...answer.ledgers.map((row: Json) => row.accountId));
      after = answer.nextAfter;
      pages++;
    }
    expect(new Set(seen).size).toBe(120);
    expect(seen).toHaveLength(120);
    expect(pages).toBe(6);
  });

  it("says that a row is too busy rather than show half of it", async () => {
    const engine = FakeEngine.withAccounts(1);
    await start(engine);
    engine.shards[0]!.slots[0]!.busy = true;
    for (const path of ["/api/v1/accounts/1", "/api/v1/accounts/1/positions", "/api/v1/accounts", "/api/v1/ledger"]) {
      const answer = await get(path);
      expectProblem(answer, "TEMPORARILY_UNAVAILABLE");
      expect(answer.headers.get("retry-after")).toBe("1");
    }
  });

  it("answers from the database while it is there, and says so without its words when it is not", async () => {
    await start(FakeEngine.withAccounts(1), { http: { handlerTimeoutMs: 500 } });
    const path = "/api/v1/history/accounts/77/fills?fromMs=1718000000000&limit=1";
    expectProblem(await get(path), "HISTORY_UNAVAILABLE");
    const asked: object[] = [];
    const whole = fakeHistory();
    running!.api.setHistory(
      fakeHistory({
        fills: (accountId, span) => {
          asked.push({ accountId, ...span });
          return whole.fills(accountId, span);
        },
      }),
    );
    // An account with a past need not be on this engine now.
    const page = (await get(path)).body;
    expect(page).toMatchObject({ accountId: "77", fills: [{ qtyLots: "1500" }], nextAfter: "1718000000000000.1.0.7.0" });
    await get(`${path}&toMs=1718000000001&after=${page.nextAfter}`);
    expect(asked).toEqual([
      { accountId: "77", fromMs: 1_718_000_000_000, toMs: expect.any(Number), limit: 1 },
      { accountId: "77", fromMs: 1_718_000_000_000, toMs: 1_718_000_000_001, limit: 1, after: page.nextAfter },
    ]);
    const risk = (await get("/api/v1/history/accounts/77/risk?fromMs=1&resolution=1h")).body;
    expect(risk).toMatchObject({ resolution: "1h", points: [{ equityUsd: 5, unrealizedPnlUsd: null, netExposureUsd: null }] });

    const away = new StoreError("HISTORY_UNAVAILABLE", "history: connect ECONNREFUSED 10.0.0.7:5432");
    running!.api.setHistory(fakeHistory({ fills: () => Promise.reject(away) }));
    const refused = await get(path);
    expectProblem(refused, "HISTORY_UNAVAILABLE");
    expect(JSON.stringify(refused.body)).not.toContain("10.0.0.7");
    const wrong = new StoreError("HISTORY_BAD_QUERY", "after must be the cursor of a row that was answered", "after");
    running!.api.setHistory(fakeHistory({ fills: () => Promise.reject(wrong) }));
    expect((await get(`${path}&after=x`)).body).toMatchObject({ code: "INVALID_PARAMS", field: "after" });
    running!.api.setHistory(fakeHistory({ fills: () => new Promise(() => {}) }));
    expectProblem(await get(path), "HANDLER_TIMEOUT");
    expect((await get("/api/v1/accounts/1")).status).toBe(200);
  });

  it("names the engine that has an account", async () => {
    await start(FakeEngine.withAccounts(1), {}, { locate: (id) => (id === "7" ? { engine: "b", url: "http://b:8080" } : null) });
    const answer = await get("/api/v1/accounts/7");
    expectProblem(answer, "ACCOUNT_ELSEWHERE");
    expect(answer.body).toMatchObject({ engine: "b", url: "http://b:8080" });
    const client = await StreamClient.connect(running!.stream);
    expect((await client.call("public/subscribe", { channels: ["risk.account.7.raw"] })).error).toMatchObject({
      code: 20002,
      data: { engine: "b", url: "http://b:8080" },
    });
    client.close();
  });

  it("is alive at once and ready when every shard runs and instruments are known", async () => {
    const engine = new FakeEngine();
    engine.shards = [];
    await start(engine);
    expect((await get("/livez")).status).toBe(200);
    let answer = await get("/readyz");
    expectProblem(answer, "NOT_READY");
    expect(answer.body.reasons).toEqual(["no instrument is known yet", "no shard is assigned to this engine yet"]);
    engine.market.put(fakeInstrument(1, "BTCUSDT"));
    engine.shards = [new FakeShard(0), new FakeShard(1)];
    engine.shards[1]!.state = "recovering";
    answer = await get("/readyz");
    expect(answer.body.reasons).toEqual(["shard 1 is recovering"]);
    expect((await get("/api/v1/engine")).body).toMatchObject({ ready: false, notReady: ["shard 1 is recovering"] });
    engine.shards[1]!.state = "running";
    expect((await get("/readyz")).status).toBe(200);
    expect((await get("/api/v1/engine")).body).toMatchObject({
      ready: true,
      auth: "open",
      streamPort: running!.api.addresses.stream.port,
      streamPath: "/api/v1/stream",
    });
  });

  it("exposes metrics in base units without an account label", async () => {
    const engine = FakeEngine.withAccounts(3);
    engine.shards[0]!.latency[8 * 12] = 5;
    await start(engine);
    await get("/api/v1/accounts/2");
    await get("/api/v1/accounts/999");
    const { body, headers, status } = await get("/metrics");
    expect(status).toBe(200);
    expect(headers.get("content-type")).toContain("text/plain");
    const lines = (body as string).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    for (const line of lines) {
      expect(line).toMatch(/^[a-z0-9_]+(\{[^}]*\})? -?(\d[\d.e+-]*|\+?Inf)$/);
      expect(line).not.toMatch(/[{,]account(_?id)?="/i);
    }
    expect(body).toContain('plimsoll_shard_events_applied_total{partition="0"} 100');
    expect(body).toContain('plimsoll_accounts{status="ok"} 3');
    expect(body).toContain('plimsoll_event_to_row_seconds_bucket{partition="0",le="+Inf"} 5');
    expect(body).toContain('plimsoll_http_requests_total{route="/api/v1/accounts/:accountId",status="404"} 1');
    for (const [, name, type] of (body as string).matchAll(/# TYPE (plimsoll_\w+) (\w+)/g)) {
      expect([name, type === "counter"]).toEqual([name, name!.endsWith("_total")]);
    }
  });

  it("serves metrics and health on a listener of their own where told to", async () => {
    await start(FakeEngine.withAccounts(1), { http: { metrics: { host: "127.0.0.1", port: 0 } } });
    const own = `http://127.0.0.1:${running!.api.addresses.metrics!.port}`;
    expect((await get("/metrics")).status).toBe(404);
    expect((await fetch(`${own}/metrics`)).status).toBe(200);
    expect((await fetch(`${own}/readyz`)).status).toBe(200);
    expect((await fetch(`${own}/api/v1/accounts/1`)).status).toBe(404);
  });

  it("answers only to names it is known by", async () => {
    await start(FakeEngine.withAccounts(1), { http: { allowedOrigins: ["https://risk.example.com"] } });
    const ask = (host: string, path = "/api/v1/accounts/1") =>
      raw(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    for (const host of ["127.0.0.1:1", "localhost", "[::1]:8080", "risk.example.com"])
      expect(await ask(host)).toContain("HTTP/1.1 200");
    for (const host of ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8080", "user@localhost", ""]) {
      const answer = await ask(host);
      expect([host, answer.slice(0, 12)]).toEqual([host, "HTTP/1.1 421"]);
      expect(answer).not.toContain("equityUsd");
    }
    expect(await ask("plimsoll:8080", "/metrics")).toContain("HTTP/1.1 200");
  });

  it("carries a policy that fits the page, and nothing of it can be framed or sniffed", async () => {
    await start(FakeEngine.withAccounts(1));
    const port = running!.api.addresses.stream.port;
    for (const path of ["/docs", "/api/v1/engine", "/nowhere", "/metrics"]) {
      const { headers } = await get(path);
      const policy = headers.get("content-security-policy")!;
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain(`connect-src 'self' ws://*:${port}`);
      expect(policy).not.toContain("unsafe");
      expect(headers.get("x-frame-options")).toBe("DENY");
      expect(headers.get("referrer-policy")).toBe("no-referrer");
    }
  });

  describe("serves the page", () => {
    let folder = "";
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), "plimsoll-web-"));
      mkdirSync(join(folder, "web", "assets"), { recursive: true });
      writeFileSync(join(folder, "secret.txt"), "secret");
      writeFileSync(join(folder, "web", "index.html"), "<!doctype html><title>page</title>");
      writeFileSync(join(folder, "web", "assets", "index-a1b2c3d4.js"), "export {};");
      writeFileSync(join(folder, "web", ".hidden"), "hidden");
    });
    afterAll(() => rmSync(folder, { recursive: true }));

    it("with ETags, its hashed files for ever, and nothing beside its folder", async () => {
      await start(FakeEngine.withAccounts(1), { http: { webRoot: join(folder, "web") } });
      const page = await get("/");
      expect(page.body).toContain("<title>page</title>");
      expect(page.headers.get("cache-control")).toBe("no-cache");
      const etag = page.headers.get("etag")!;
      expect(await raw(`GET / HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: ${etag}\r\nConnection: close\r\n\r\n`)).toContain(
        "HTTP/1.1 304",
      );
      const script = await get("/assets/index-a1b2c3d4.js");
      expect(script.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
      expect(script.headers.get("content-type")).toContain("javascript");
      for (const path of [
        "/.hidden",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/assets/..%2f..%2fsecret.txt",
        "/%00",
        "/nothing.js",
      ]) {
        const answer = await get(path);
        expect([path, answer.status]).toEqual([
          path,
          expect.toSatisfy((status: number) => status === 404 || status === 400 || status === 403),
        ]);
        expect(answer.body).not.toBe("secret");
        expect(answer.headers.get("content-type")).toContain("problem+json");
      }
    });

    it("or leads to the documentation where it has not been built", async () => {
      await start(FakeEngine.withAccounts(1), { http: { webRoot: join(folder, "nothing") } });
      const answer = await get("/");
      expect([answer.status, answer.headers.get("location")]).toEqual([302, "/docs"]);
      expect((await get("/docs")).body).toContain('src="/docs/page.js"');
      expect((await get("/docs/page.js")).body).toContain("openapi.json");
    });
  });

  it("bounds bodies, headers and slow requests, and answers what is no HTTP", async () => {
    await start(FakeEngine.withAccounts(1), { http: { requestTimeoutMs: 1000 } });
    const body = await get("/api/v1/engine", { method: "POST", body: "x".repeat(20_000) });
    expectProblem(body, "REQUEST_TOO_LARGE");
    const large = await raw(`GET / HTTP/1.1\r\nHost: localhost\r\nX-Large: ${"x".repeat(10_000)}\r\n\r\n`);
    expect(large).toContain("HTTP/1.1 431");
    expect(await raw("\x16\x03\x01\x02\x00\r\n\r\n")).toContain("HTTP/1.1 400");
    const slow = await raw("GET /api/v1/engine HTTP/1.1\r\nHost: localhost\r\nX-");
    expect(slow).toContain("HTTP/1.1 408");
    expect(slow).toContain("application/problem+json");
  });
});

describe("the start", () => {
  async function occupied(): Promise<{ port: number; free(): Promise<void> }> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return { port: (server.address() as AddressInfo).port, free: () => new Promise((resolve) => server.close(() => resolve())) };
  }

  async function isFree(port: number): Promise<boolean> {
    const server = createServer();
    return new Promise((resolve) => {
      server.once("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
    });
  }

  it("fails with one line and opens nothing where a port is taken", async () => {
    const taken = await occupied();
    const other = await occupied();
    await other.free();
    const engine = FakeEngine.withAccounts(1);
    for (const transport of ["uws", "ws"] as const) {
      await expect(
        startTestApi(engine, { stream: { port: taken.port, transport }, http: { port: other.port } }),
      ).rejects.toMatchObject({
        code: "STREAM_PORT_IN_USE",
        message: `127.0.0.1:${taken.port} is in use by another program; set stream.port or stop it`,
      });
      expect(await isFree(other.port)).toBe(true);
      await expect(
        startTestApi(engine, { http: { port: taken.port }, stream: { port: other.port, transport } }),
      ).rejects.toMatchObject({
        code: "HTTP_PORT_IN_USE",
      });
      expect(await isFree(other.port)).toBe(true);
    }
    await expect(
      startTestApi(engine, { http: { port: other.port, metrics: { host: "127.0.0.1", port: taken.port } } }),
    ).rejects.toMatchObject({ code: "METRICS_PORT_IN_USE" });
    expect(await isFree(other.port)).toBe(true);
    await expect(startTestApi(engine, { http: { host: "203.0.113.1" } })).rejects.toMatchObject({
      code: "ADDRESS_NOT_AVAILABLE",
    });
    await expect(startTestApi(engine, { auth: { mode: "keys" } })).rejects.toMatchObject({ code: "KEYS_FILE_INVALID" });
    await taken.free();
  });
});
