// Who sees what: every route and every channel × every role × own, other and no account. Generated from the tables in
// access.ts; what each cell must be is worked out here a second time, from the scopes' meaning.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { FakeEngine } from "../testing/fake-engine";
import { fakeHistory } from "../testing/fake-history";
import { fakeAlert } from "../testing/fake-rows";
import { type Running, startTestApi, TRANSPORTS } from "../testing/harness";
import { type Json, StreamClient } from "../testing/stream-client";
import { CHANNEL_ACCESS, type ChannelKind, type Need, ROUTE_ACCESS } from "./access";
import { generateKey } from "./keys";

const OWN = "1";
const OTHER = "2";
const NONE = "999";

const folder = mkdtempSync(join(tmpdir(), "plimsoll-entitlement-"));
mkdirSync(join(folder, "web"));
writeFileSync(join(folder, "web", "index.html"), "<!doctype html>");
const keys = {
  "own account": generateKey("own", [`read:account:${OWN}`]),
  "all accounts": generateKey("all", ["read:all"]),
  "admin only": generateKey("admin", ["admin"]),
  expired: generateKey("expired", ["read:all", "admin"], "2020-01-01T00:00:00Z"),
};
type Role = "nobody" | keyof typeof keys | "wrong secret" | "unknown key";
const ROLES: readonly Role[] = ["nobody", "own account", "all accounts", "admin only", "expired", "wrong secret", "unknown key"];

/** Id and secret that a role shows; null: none. */
function credentials(role: Role): { id: string; secret: string } | null {
  if (role === "nobody") return null;
  if (role === "wrong secret") return { id: "all", secret: keys["own account"].secret };
  if (role === "unknown key") return { id: "stranger", secret: keys["all accounts"].secret };
  return { id: keys[role].entry.id, secret: keys[role].secret };
}

type Verdict = "let in" | "not known" | "not allowed";

/** What must come of it. */
function verdict(need: Need, role: Role, account: string | null): Verdict {
  if (need === "public") return "let in";
  if (role === "nobody" || role === "expired" || role === "wrong secret" || role === "unknown key") return "not known";
  const mayRead = role === "all accounts";
  const allowed: Record<Exclude<Need, "public">, boolean> = {
    key: true,
    account: mayRead || (role === "own account" && account === OWN),
    all: mayRead,
    admin: role === "admin only",
  };
  return allowed[need] ? "let in" : "not allowed";
}

let running: Running;
const clients: StreamClient[] = [];

function startWithKeys(transport: "uws" | "ws"): Promise<Running> {
  const keysFile = join(folder, "keys.json");
  writeFileSync(keysFile, JSON.stringify({ keys: Object.values(keys).map((key) => key.entry) }));
  const engine = FakeEngine.withAccounts(3);
  const config = { auth: { mode: "keys" as const, keysFile }, http: { webRoot: join(folder, "web") }, stream: { transport } };
  return startTestApi(engine, config, { history: fakeHistory() });
}

afterAll(() => rmSync(folder, { recursive: true }));

/** Every account id that an answer tells something about. */
function accountsIn(value: Json): Set<string> {
  const found = new Set<string>();
  const walk = (part: Json) => {
    if (typeof part !== "object" || part === null) return;
    if (typeof part.equityUsd === "number" && typeof (part.id ?? part.accountId) === "string")
      found.add(part.id ?? part.accountId);
    if (typeof part.accountId === "string") found.add(part.accountId);
    for (const child of Object.values(part)) walk(child);
  };
  walk(value);
  return found;
}

describe("REST", () => {
  beforeAll(async () => {
    running = await startWithKeys("ws");
    running.api.alerts([fakeAlert(1, { accountId: OWN }), fakeAlert(2, { accountId: OTHER })]);
  });
  afterAll(() => running.stop());

  const cells = Object.entries(ROUTE_ACCESS).flatMap(([route, need]) => {
    const targets = need === "account" ? [OWN, OTHER, NONE] : [null];
    return ROLES.flatMap((role) => targets.map((target) => [route, need as Need, role, target] as const));
  });

  it.each(cells)("%s (%s) as %s about account %s", async (route, need, role, target) => {
    const path = route
      .replace("GET ", "")
      .replace(":accountId", String(target))
      .replace(":symbol", "BTCUSDT")
      .replace("/*", "/index.html")
      .replace(/(history\/.*)\/(risk|fills|alerts|marks)$|history\/alerts$/, "$&?fromMs=1")
      .replace(/history\/.*\/positions$/, "$&?atMs=1");
    const shown = credentials(role);
    const headers: Record<string, string> = shown === null ? {} : { authorization: `Bearer ${shown.id}.${shown.secret}` };
    const response = await fetch(running.http + path, { headers });
    const text = await response.text();
    const expected = verdict(need, role, target);
    const got: Verdict = response.status === 401 ? "not known" : response.status === 403 ? "not allowed" : "let in";
    expect([got, response.status]).toEqual([expected, expect.any(Number)]);
    if (expected === "let in") {
      // The past may hold an account that no shard has.
      expect(response.status).toBe(target === NONE && !path.includes("/history/") ? 404 : 200);
      if (need === "account" && response.status === 200) expect([...accountsIn(JSON.parse(text))]).toEqual([target]);
    } else {
      expect(response.headers.get("content-type")).toContain("problem+json");
      expect(text).not.toContain("equityUsd");
      if (response.status === 401) expect(response.headers.get("www-authenticate")).toContain("Bearer");
    }
  });

  it("refuses an account it may not see in the same words whether or not it exists", async () => {
    const { id, secret } = credentials("own account")!;
    const ask = async (account: string) => {
      const response = await fetch(`${running.http}/api/v1/accounts/${account}`, {
        headers: { authorization: `Bearer ${id}.${secret}` },
      });
      return (await response.text()).replaceAll(account, "#");
    };
    expect(await ask(OTHER)).toBe(await ask(NONE));
  });

  it("takes no key from the address", async () => {
    const { id, secret } = credentials("all accounts")!;
    for (const name of ["access_token", "key", "authorization"]) {
      const response = await fetch(`${running.http}/api/v1/accounts?${name}=${id}.${secret}`);
      expect(response.status).toBe(401);
    }
  });
});

describe.each(TRANSPORTS)("the stream on %s", (transport) => {
  beforeAll(async () => {
    running = await startWithKeys(transport);
    running.api.alerts([fakeAlert(1, { accountId: OWN }), fakeAlert(2, { accountId: OTHER, toStatus: "liquidation" })]);
  });
  afterAll(() => running.stop());
  afterEach(() => {
    for (const client of clients.splice(0)) client.close();
  });

  async function as(role: Role): Promise<{ client: StreamClient; auth: Json }> {
    const client = await StreamClient.connect(running.stream);
    clients.push(client);
    const shown = credentials(role);
    if (shown === null) return { client, auth: null };
    const params = { grant_type: "client_credentials", client_id: shown.id, client_secret: shown.secret };
    return { client, auth: await client.call("public/auth", params) };
  }

  const names: Record<ChannelKind, (account: string) => string> = {
    "risk.account": (account) => `risk.account.${account}.raw`,
    "risk.positions": (account) => `risk.positions.${account}.100ms`,
    "risk.top": () => "risk.top.raw",
    "risk.liquidations": () => "risk.liquidations",
    "risk.alerts": () => "risk.alerts",
    market: () => "market.BTCUSDT.raw",
    "platform.state": () => "platform.state",
  };
  const cells = (Object.entries(CHANNEL_ACCESS) as [ChannelKind, Need][]).flatMap(([kind, need]) => {
    const targets = need === "account" ? [OWN, OTHER, NONE] : [null];
    return ROLES.flatMap((role) => targets.map((target) => [kind, need, role, target] as const));
  });

  it.each(cells)("%s (%s) as %s about account %s", async (kind, need, role, target) => {
    const { client } = await as(role);
    const channel = names[kind](target ?? OWN);
    const answer = await client.call("public/subscribe", { channels: [channel] });
    const expected = verdict(need, role, target);
    if (expected === "let in" && target !== NONE) {
      expect(answer.result).toEqual([channel]);
      await client.until(() => client.of(channel).length > 0);
      if (need === "account") expect([...accountsIn(client.of(channel))]).toEqual([target]);
      return;
    }
    const code = expected === "let in" ? 13020 : expected === "not known" ? 10000 : 13021;
    expect(answer.error.code).toBe(code);
    expect((await client.call("public/test")).result).toBeDefined();
    expect(client.pushes).toEqual([]);
  });

  it("tells who has authenticated as whom, and who has not why", async () => {
    expect((await as("own account")).auth.result).toEqual({ client_id: "own", scope: `read:account:${OWN}`, expires_in: null });
    expect((await as("expired")).auth.error.code).toBe(13009);
    expect((await as("wrong secret")).auth.error.code).toBe(13004);
    expect((await as("unknown key")).auth.error).toMatchObject({ code: 13004, message: "invalid_credentials" });
  });

  it("subscribes to nothing where one of several channels is not allowed", async () => {
    const { client } = await as("own account");
    const answer = await client.call("public/subscribe", { channels: [`risk.account.${OWN}.raw`, `risk.account.${OTHER}.raw`] });
    expect(answer.error.code).toBe(13021);
    expect((await client.call("public/unsubscribe", { channels: [`risk.account.${OWN}.raw`] })).result).toEqual([]);
  });

  it("ends subscriptions that a second, narrower key does not cover", async () => {
    const { client } = await as("all accounts");
    await client.subscribe(`risk.account.${OWN}.raw`, `risk.account.${OTHER}.raw`, "risk.alerts");
    const { id, secret } = credentials("own account")!;
    await client.call("public/auth", { grant_type: "client_credentials", client_id: id, client_secret: secret });
    const all = [`risk.account.${OWN}.raw`, `risk.account.${OTHER}.raw`, "risk.alerts"];
    expect((await client.call("public/unsubscribe", { channels: all })).result).toEqual([`risk.account.${OWN}.raw`]);
  });

  it("closes connections whose key was withdrawn", async () => {
    const { client } = await as("own account");
    const { client: stays } = await as("all accounts");
    await client.subscribe(`risk.account.${OWN}.raw`);
    writeFileSync(join(folder, "keys.json"), JSON.stringify({ keys: [keys["all accounts"].entry] }));
    expect(await client.closed()).toBe(4001);
    expect((await stays.call("public/test")).result).toBeDefined();
    writeFileSync(join(folder, "keys.json"), JSON.stringify({ keys: Object.values(keys).map((key) => key.entry) }));
  });
});
