// The live page as a test sees it: where things are, in one place, for scripted and real engines alike.
import type { Browser, BrowserContext, Locator, Page } from "playwright-core";

export interface OpenOptions {
  widthPx?: number;
  heightPx?: number;
  colorScheme?: "dark" | "light";
  /** Two pixels a CSS pixel, for pictures. */
  sharp?: boolean;
  /** After the "#". */
  hash?: string;
}

/** Runs in the page before its own script: remembers what the content security policy refused. */
const REMEMBER_VIOLATIONS =
  "window.violations=[];addEventListener('securitypolicyviolation',(e)=>window.violations.push(e.violatedDirective+' '+e.blockedURI))";

export class LivePage {
  readonly page: Page;
  readonly #context: BrowserContext;
  /** Errors and warnings of the console, and exceptions, since it was opened. */
  readonly problems: string[] = [];

  private constructor(context: BrowserContext, page: Page) {
    this.#context = context;
    this.page = page;
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") this.problems.push(message.text());
    });
    page.on("pageerror", (error) => this.problems.push(String(error)));
  }

  /** Opens the page at `url` in a context of its own. */
  static async open(browser: Browser, url: string, options: OpenOptions = {}): Promise<LivePage> {
    const context = await browser.newContext({
      viewport: { width: options.widthPx ?? 1440, height: options.heightPx ?? 900 },
      colorScheme: options.colorScheme ?? "dark",
      deviceScaleFactor: options.sharp === true ? 2 : 1,
      reducedMotion: "reduce",
    });
    const page = await context.newPage();
    await page.addInitScript({ content: REMEMBER_VIOLATIONS });
    const live = new LivePage(context, page);
    await page.goto(options.hash === undefined ? url : `${url}#${options.hash}`);
    return live;
  }

  async close(): Promise<void> {
    await this.#context.close();
  }

  /** What the content security policy refused so far. */
  violations(): Promise<string[]> {
    return this.page.evaluate("window.violations") as Promise<string[]>;
  }

  /** "Live", "Stale", "Disconnected", … */
  get lineState(): Locator {
    return this.page.getByTestId("line-state");
  }

  get banner(): Locator {
    return this.page.getByTestId("banner");
  }

  /** A number of the engine panel or the header: mode, version, event-time, events-rate, lag, dead-letters, accounts … */
  figure(name: string): Locator {
    return this.page.getByTestId(name);
  }

  panel(
    id: "engine" | "top" | "alerts" | "marks" | "account" | "account-positions" | "account-balances" | "account-chart",
  ): Locator {
    return this.page.locator(`#${id}`);
  }

  /** Row of an account in the list of those nearest to liquidation. */
  topRow(accountId: string): Locator {
    return this.page.locator("#top tbody tr", { has: this.page.locator(`th a:text-is(${JSON.stringify(accountId)})`) });
  }

  topIds(): Promise<string[]> {
    return this.page.locator("#top tbody th a").allTextContents();
  }

  /** Row of an instrument in the marks. */
  markRow(symbol: string): Locator {
    return this.page.locator(`#marks tbody tr[data-symbol=${JSON.stringify(symbol)}]`);
  }

  /** Row of a position on an account's page. */
  positionRow(symbol: string): Locator {
    return this.page.locator("#account-positions tbody tr", { has: this.page.locator(`th[title=${JSON.stringify(symbol)}]`) });
  }

  balanceRow(asset: string): Locator {
    return this.page.locator(`#account-balances tr[data-balance=${JSON.stringify(asset)}]`);
  }

  /** A number of the account's page: equity, maintenance, ratio, distance, pnl … */
  accountNumber(field: string): Locator {
    return this.panel("account").locator(`[data-field=${field}]`);
  }

  /** A cell of a row by its field. */
  cell(row: Locator, field: string): Locator {
    return row.locator(`[data-field=${field}]`);
  }

  alertItems(): Locator {
    return this.page.locator("#alerts li.alert");
  }

  get spoken(): Locator {
    return this.page.getByTestId("spoken-alerts");
  }

  /** The colour of its text, as the browser computes it. */
  colorOf(locator: Locator): Promise<string> {
    type Page = { getComputedStyle(of: unknown): { color: string } };
    return locator.evaluate((element) => (globalThis as unknown as Page).getComputedStyle(element).color);
  }

  /** Searches for an account as a person does. */
  async search(text: string): Promise<void> {
    const field = this.page.getByRole("searchbox", { name: "Account id" });
    await field.fill(text);
    await field.press("Enter");
  }
}
