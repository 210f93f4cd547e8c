// What browser tests wait for: the page is right a moment after it was told, not at once.
import type { Locator } from "playwright-core";
import { expect } from "vitest";

/** Longer than the page takes to notice silence (3 s) or to find a lost engine again. */
const NOTICE_MS = 12_000;

/** Asks until it is so, or fails. */
export function eventually<T>(look: () => T | Promise<T>) {
  return expect.poll(look, { timeout: NOTICE_MS });
}

/** The whole text, without the space around it. */
function exactly(text: string | RegExp): RegExp {
  return text instanceof RegExp ? text : new RegExp(`^\\s*${text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}\\s*$`);
}

/** The element says this: all of it, or as the pattern says. */
export async function shows(locator: Locator, text: string | RegExp): Promise<void> {
  await eventually(() => locator.textContent({ timeout: 1_000 }).catch(() => null)).toMatch(exactly(text));
}

export async function hasClass(locator: Locator, name: string, expected = true): Promise<void> {
  const has = async (): Promise<boolean> => ((await locator.getAttribute("class")) ?? "").split(" ").includes(name);
  await eventually(has).toBe(expected);
}
