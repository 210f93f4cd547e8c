import { describe, expect, it } from "vitest";
import { parseKey, rememberedKey, rememberKey } from "./key";

const SECRET = `${"A".repeat(42)}_`;

describe("an API key", () => {
  it("is an id and a secret", () => {
    expect(parseKey(` desk-1.${SECRET}\n`)).toEqual({ id: "desk-1", secret: SECRET });
  });

  it.each([
    "",
    "desk-1",
    `.${SECRET}`,
    `desk 1.${SECRET}`,
    `desk-1.${SECRET}A`,
    `desk-1.${SECRET.slice(1)}`,
    `desk-1.${"€".repeat(43)}`,
  ])("%j is none", (text) => {
    expect(parseKey(text)).toBeNull();
  });

  it("is remembered by the tab; a tab that remembers nothing asks again", () => {
    const stored = new Map<string, string>();
    const storage = {
      getItem: (name: string) => stored.get(name) ?? null,
      setItem: (name: string, value: string) => void stored.set(name, value),
      removeItem: (name: string) => void stored.delete(name),
    };
    rememberKey(storage, { id: "desk-1", secret: SECRET });
    expect(rememberedKey(storage)).toEqual({ id: "desk-1", secret: SECRET });
    const broken = (): never => {
      throw new Error("storage is off");
    };
    const none = { getItem: broken, setItem: broken, removeItem: broken };
    expect(() => rememberKey(none, { id: "desk-1", secret: SECRET })).not.toThrow();
    expect(rememberedKey(none)).toBeNull();
  });
});
