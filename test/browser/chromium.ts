// The browser of the tests: whatever Chromium this machine has, started from an empty profile that goes with it.
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { type Browser, chromium } from "playwright-core";

const NAMES = ["chromium", "chromium-browser", "google-chrome"];

const ARGUMENTS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

function executable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** CHROMIUM_PATH, /usr/bin/chromium, or the first of the usual names on the PATH; null where there is none. */
export function findChromium(): string | null {
  const named = process.env.CHROMIUM_PATH;
  if (named !== undefined && named !== "") return executable(named) ? named : null;
  if (executable("/usr/bin/chromium")) return "/usr/bin/chromium";
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    for (const name of NAMES) if (folder !== "" && executable(join(folder, name))) return join(folder, name);
  }
  return null;
}

/**
 * Whether browser tests can run here. Where they cannot, says so once; under CI their absence is a failure, as nobody reads
 * what was skipped there.
 */
export function browserAvailable(): boolean {
  if (findChromium() !== null) return true;
  const what = "no Chromium found (CHROMIUM_PATH, /usr/bin/chromium, chromium, chromium-browser, google-chrome)";
  if (process.env.CI !== undefined && process.env.CI !== "") throw new Error(`browser tests cannot run: ${what}`);
  console.warn(`browser tests skipped: ${what}`);
  return false;
}

/** A new browser with a new, empty profile. */
export function launchBrowser(): Promise<Browser> {
  const executablePath = findChromium();
  if (executablePath === null) throw new Error("no Chromium");
  return chromium.launch({ executablePath, headless: true, args: ARGUMENTS });
}
