import { describe, expect, it } from "vitest";
import { accountHref, isAccountId, parseRoute } from "./route";

describe("the address", () => {
  it.each(["", "#", "#/"])("%j is the overview", (hash) => {
    expect(parseRoute(hash)).toEqual({ view: "overview" });
  });

  it.each(["1", "42", "9007199254740991"])("an account's own address leads to account %s", (accountId) => {
    expect(parseRoute(accountHref(accountId))).toEqual({ view: "account", accountId });
  });

  it.each([
    "#/account/",
    "#/account/abc",
    "#/account/-1",
    "#/account/007",
    "#/account/1/x",
    "#/account/%2e%2e",
    "#/else",
    "#account/1",
  ])("%s is nowhere", (hash) => {
    expect(parseRoute(hash)).toEqual({ view: "unknown" });
  });

  it.each(["", " ", "1e3", "1.0", "+1", "0x10", "00", "0", "9007199254740992", "99999999999999999999", "12 34", "<b>", "１"])(
    "%j is no account id",
    (text) => {
      expect(isAccountId(text)).toBe(false);
      expect(accountHref(text)).toBe("#/");
    },
  );
});
