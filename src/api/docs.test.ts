// docs/api.md says what is: every route, channel, method and error of the code stands in it, and nothing else does.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ROUTE_ACCESS } from "./auth/access";
import { API_ERRORS, API_START_ERRORS } from "./errors";
import { CHANNEL_PATTERNS } from "./stream/channel-name";
import { METHODS } from "./stream/methods";

const text = readFileSync(new URL("../../docs/api.md", import.meta.url), "utf8");
const found = (pattern: RegExp) => [...new Set([...text.matchAll(pattern)].map((match) => match[1]!))].sort();

describe("docs/api.md", () => {
  it("lists the routes that exist, and no other", () => {
    const served = Object.keys(ROUTE_ACCESS).filter((name) => !/^GET (\/|\/\*|\/docs.*|\/openapi.json)$/.test(name));
    expect(found(/^\| `(GET \/[^`?]*)[?`]/gm)).toEqual(served.map((name) => name.replace(/:(\w+)/g, "{$1}")).sort());
  });

  it("lists the methods and channels that exist, and no other", () => {
    expect(found(/^\| `(public\/\w+)`/gm)).toEqual(Object.keys(METHODS).sort());
    expect(found(/^\| `((?:risk|market|platform)\.[^`]+)`/gm)).toEqual([...CHANNEL_PATTERNS].sort());
  });

  it("lists the errors with their numbers", () => {
    for (const [code, { rpc, status }] of Object.entries(API_ERRORS)) {
      const row = text.split("\n").find((line) => line.startsWith(`| \`${code}\` `));
      const cells = (row ?? "").split("|").map((cell) => cell.trim().replace("−", "-"));
      expect([code, cells[2], cells[3]?.split(",")[0]]).toEqual([
        code,
        rpc === null ? "" : String(rpc),
        status === null ? "" : String(status),
      ]);
    }
    for (const code of Object.keys(API_START_ERRORS)) expect(text).toContain(`\`${code}\``);
  });
});
