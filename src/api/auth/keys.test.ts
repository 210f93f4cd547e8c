// Keys: what the file may hold, who is let in, what a change of the file does.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { generateKey, type KeyEntry, KeyStore } from "./keys";

const folder = mkdtempSync(join(tmpdir(), "plimsoll-keys-"));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
function file(content: unknown): string {
  const path = join(folder, `keys-${++files}.json`);
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

const NOW = Date.parse("2026-06-01T00:00:00Z");
const desk = generateKey("desk-1", ["read:all"]);
const trader = generateKey("trader", ["read:account:42", "read:account:43"], "2026-06-02T00:00:00Z");

describe("API keys", () => {
  it("are 256 random bits of which only the hash is kept", () => {
    expect(Buffer.from(desk.secret, "base64url")).toHaveLength(32);
    expect(JSON.stringify(desk.entry)).not.toContain(desk.secret);
    expect(generateKey("desk-1", ["read:all"]).secret).not.toBe(desk.secret);
  });

  it("let in who has the secret, for as long as it is valid", () => {
    const store = new KeyStore(file({ keys: [desk.entry, trader.entry] }));
    expect(store.authenticate("desk-1", desk.secret, NOW)).toMatchObject({ id: "desk-1", expiresMs: null });
    expect([...store.authenticate("trader", trader.secret, NOW).scopes]).toEqual(["read:account:42", "read:account:43"]);
    const nextDay = Date.parse("2026-06-02T00:00:00Z");
    expect(() => store.authenticate("trader", trader.secret, nextDay)).toThrow(/CREDENTIALS_EXPIRED/);
    expect(() => store.authenticate("trader", trader.secret, Number.NaN)).toThrow(/CREDENTIALS_EXPIRED/);
    expect(store.authenticateHeader(`Bearer desk-1.${desk.secret}`, NOW)?.id).toBe("desk-1");
    expect(store.authenticateHeader(undefined, NOW)).toBeNull();
  });

  it("do not say whether the id or the secret is wrong", () => {
    const store = new KeyStore(file({ keys: [desk.entry] }));
    const messages = [
      () => store.authenticate("desk-1", trader.secret, NOW),
      () => store.authenticate("nobody", desk.secret, NOW),
      () => store.authenticate("desk-1", "", NOW),
      () => store.authenticate("__proto__", desk.secret, NOW),
    ].map((attempt) => {
      try {
        attempt();
        return "let in";
      } catch (error) {
        return (error as Error).message;
      }
    });
    expect(new Set(messages)).toEqual(new Set(["INVALID_CREDENTIALS: unknown key or wrong secret"]));
    for (const header of [`Basic desk-1.${desk.secret}`, `Bearer ${desk.secret}`, "Bearer", `Bearer desk-1:${desk.secret}`]) {
      expect(() => store.authenticateHeader(header, NOW)).toThrow(/INVALID_CREDENTIALS/);
    }
  });

  it.each<[string, unknown, RegExp]>([
    ["not JSON", "{", /JSON/],
    ["no list", { key: [] }, /"keys"/],
    ["an unknown field", { keys: [{ ...desk.entry, role: "admin" }] }, /keys\[0\]\.role/],
    ["a secret in place of its hash", { keys: [{ ...desk.entry, sha256: desk.secret }] }, /keys\[0\]\.sha256/],
    ["an unknown scope", { keys: [desk.entry, { ...trader.entry, scopes: ["write:all"] }] }, /keys\[1\]\.scopes.*write:all/],
    ["account 0", { keys: [{ ...trader.entry, scopes: ["read:account:0"] }] }, /scopes/],
    ["a wildcard", { keys: [{ ...trader.entry, scopes: ["read:account:*"] }] }, /scopes/],
    ["no scope", { keys: [{ ...desk.entry, scopes: [] }] }, /at least one/],
    ["a time without a zone", { keys: [{ ...desk.entry, expires: "2026-06-02T00:00:00" }] }, /expires/],
    ["a day that is none", { keys: [{ ...desk.entry, expires: "2026-13-40T00:00:00Z" }] }, /expires/],
    ["an id twice", { keys: [desk.entry, desk.entry] }, /keys\[1\]\.id.*twice/],
    ["an id with a dot", { keys: [{ ...desk.entry, id: "a.b" }] }, /keys\[0\]\.id/],
  ])("a file with %s is refused by name", (_what, content, message) => {
    expect(() => new KeyStore(file(content))).toThrow(message);
  });

  it("a file that everybody may write, or that is not there, is refused", () => {
    const open = file({ keys: [] });
    chmodSync(open, 0o666);
    expect(() => new KeyStore(open)).toThrow(/chmod/);
    expect(() => new KeyStore(join(folder, "nothing.json"))).toThrow(/ENOENT/);
    expect(() => new KeyStore(folder)).toThrow(/not a file/);
  });

  it("a changed file withdraws, changes and adds keys; a broken one changes nothing", () => {
    const path = file({ keys: [desk.entry, trader.entry] });
    const store = new KeyStore(path);
    const principal = store.authenticate("trader", trader.secret, NOW);
    expect(store.reload()).toBeNull();
    writeFileSync(path, "{ broken");
    expect(store.reload()).toMatchObject({ ok: false });
    expect(store.isCurrent(principal, NOW)).toBe(true);
    const narrower: KeyEntry = { ...trader.entry, scopes: ["read:account:42"] };
    writeFileSync(path, JSON.stringify({ keys: [desk.entry, narrower] }));
    expect(store.reload()).toMatchObject({ ok: true });
    expect(store.isCurrent(principal, NOW)).toBe(false);
    const again = store.authenticate("trader", trader.secret, NOW);
    expect(store.isCurrent(again, NOW)).toBe(true);
    expect(store.isCurrent(again, Date.parse("2026-06-03T00:00:00Z"))).toBe(false);
    writeFileSync(path, JSON.stringify({ keys: [desk.entry] }));
    store.reload();
    expect(store.isCurrent(again, NOW)).toBe(false);
  });
});
