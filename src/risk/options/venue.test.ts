// The conventions of venues, held to what Deribit published: ticker rows with their Greeks, and a whole option chain.
// The recorded data is not part of the project; where it is absent its tests are skipped, and say so.

import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { CALL, PUT } from "./black";
import { ABOVE_LIMIT, BELOW_INTRINSIC, black76ImpliedVol } from "./implied";
import { markToQuote, VenueGreeks, venueGreeks, yearsToExpiry } from "./venue";

const DATA = fileURLToPath(new URL("../../../../shared/data/options/", import.meta.url));
const hasData = existsSync(DATA);
if (!hasData) console.warn(`recorded option data is not there (${DATA}): its tests are skipped`);

function readCsv(name: string): Record<string, string>[] {
  const [header = "", ...lines] = readFileSync(`${DATA}${name}`, "utf8").trim().split("\n");
  const names = header.split(",");
  return lines.map((line) => {
    const cells = line.split(",");
    return Object.fromEntries(names.map((key, i) => [key, cells[i] ?? ""]));
  });
}

describe("units", () => {
  test("a base premium is the price over the forward, everything else stays in quote", () => {
    const base = new VenueGreeks();
    const quote = new VenueGreeks();
    venueGreeks(base, CALL, 60000, 65000, 0.1, 0.6, true);
    venueGreeks(quote, CALL, 60000, 65000, 0.1, 0.6, false);
    expect(quote.mark).toBe(quote.priceQuote);
    expect(base.priceQuote).toBe(quote.priceQuote);
    expect(base.mark * 60000).toBeCloseTo(quote.mark, 9);
    expect(markToQuote(base.mark, 60000, true)).toBeCloseTo(base.priceQuote, 9);
    expect(markToQuote(5, 60000, false)).toBe(5);
    expect(base.netDelta).toBe(base.delta - base.mark);
    expect(quote.netDelta).toBe(quote.delta);
    for (const name of ["delta", "gamma", "vega", "theta", "rho"] as const) expect(base[name]).toBe(quote[name]);
  });

  test("vega is per vol point, theta per day, rho per 1 %", () => {
    const g = new VenueGreeks();
    venueGreeks(g, PUT, 100, 90, 0.5, 0.4, false);
    const price = g.priceQuote;
    const rho = g.rho;
    expect(rho).toBeCloseTo((-90 * 0.5 * g.raw.cdf2) / 100, 14);
    venueGreeks(g, PUT, 100, 90, 0.5, 0.41, false);
    expect(g.priceQuote - price).toBeCloseTo(g.vega, 2);
    venueGreeks(g, PUT, 100, 90, 0.5 - 1 / 365, 0.4, false);
    expect(g.priceQuote - price).toBeCloseTo(g.theta, 3);
  });

  test("a year has 365 days, and none of them is left after expiry", () => {
    expect(yearsToExpiry(365 * 86_400_000, 0)).toBe(1);
    expect(yearsToExpiry(1000, 1000)).toBe(0);
    expect(yearsToExpiry(1000, 2000)).toBe(0);
  });
});

describe.skipIf(!hasData)("Deribit's ticker", () => {
  // Two genuine rows. Every printed Greek must come out of mark_iv and the forward somewhere within their own rounding
  // (0.005 vol points, 0.005 USD) and within the second before the row was received: the venue's clock, once a second.
  test.each([0, 1])("row %i: delta, gamma, vega, theta and rho to every printed digit", (index) => {
    const row = readCsv("tardis_options_chain_sample.csv")[index] as Record<string, string>;
    const at = (name: string) => Number(row[name]);
    const strike = at("strike_price");
    const g = new VenueGreeks();
    const sign = row.type === "put" ? PUT : CALL;
    const halfDigit = 0.5e-5;
    let best = Infinity;
    for (let ms = 0; ms >= -1100; ms -= 100) {
      const years = yearsToExpiry(at("expiration") / 1000, at("local_timestamp") / 1000 + ms);
      for (let cents = -0.5; cents <= 0.5; cents += 0.05) {
        const forward = at("underlying_price") + cents / 100;
        // Theta has the most digits: it says which vol within the rounding of mark_iv.
        let low = at("mark_iv") - 0.005;
        let high = at("mark_iv") + 0.005;
        for (let i = 0; i < 40; i++) {
          const middle = (low + high) / 2;
          venueGreeks(g, sign, forward, strike, years, middle / 100, true);
          if (g.theta < at("theta")) high = middle;
          else low = middle;
        }
        let worst = 0;
        for (const name of ["delta", "gamma", "vega", "theta", "rho"] as const) {
          worst = Math.max(worst, Math.abs(g[name] - at(name)) / halfDigit);
        }
        best = Math.min(best, worst);
      }
    }
    expect(best).toBeLessThanOrEqual(1);
  });

  test.each([0, 1])("row %i: from mark_iv as printed, within what its rounding explains", (index) => {
    const row = readCsv("tardis_options_chain_sample.csv")[index] as Record<string, string>;
    const at = (name: string) => Number(row[name]);
    const g = new VenueGreeks();
    const years = yearsToExpiry(at("expiration") / 1000, at("local_timestamp") / 1000);
    venueGreeks(g, PUT, at("underlying_price"), at("strike_price"), years, at("mark_iv") / 100, true);
    expect(Math.abs(g.delta - at("delta"))).toBeLessThanOrEqual(1e-5);
    expect(Math.abs(g.gamma - at("gamma"))).toBeLessThanOrEqual(1e-5);
    expect(Math.abs(g.vega - at("vega"))).toBeLessThanOrEqual(6e-5);
    expect(Math.abs(g.theta - at("theta"))).toBeLessThanOrEqual(5e-3);
    expect(Math.abs(g.rho - at("rho"))).toBeLessThanOrEqual(2e-5);
    expect(Math.abs(g.mark - at("mark_price"))).toBeLessThanOrEqual(5e-6);
  });
});

describe.skipIf(!hasData)("Deribit's ETH chain of 2024-01-08", () => {
  const MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
  interface Row {
    name: string;
    sign: number;
    forward: number;
    strike: number;
    years: number;
    mark: number;
    vol: number;
  }

  function readChain(): Row[] {
    return readCsv("deribit_eth_chain_20240108.csv").map((row) => {
      const [, day, month, year] = /^(\d+)([A-Z]{3})(\d\d)$/.exec(row.expire_date as string) as unknown as [
        string,
        string,
        string,
        string,
      ];
      const expiryMs = Date.UTC(2000 + Number(year), MONTHS.indexOf(month), Number(day), 8);
      const sign = row.option_type === "C" ? CALL : PUT;
      const forward = Number(row.underlying_price);
      const strike = Number(row.strike_price);
      const years = yearsToExpiry(expiryMs, Number(row.creation_timestamp));
      const mark = Number(row.mark_price);
      const vol = black76ImpliedVol(sign, markToQuote(mark, forward, true), forward, strike, years, 1);
      return { name: row.instrument_name as string, sign, forward, strike, years, mark, vol };
    });
  }

  test("every row has an implied volatility or a reason why not", () => {
    const rows = readChain();
    expect(rows.length).toBe(684);
    const counts: Record<string, number> = { vol: 0, "below-intrinsic": 0, "above-limit": 0, intrinsic: 0 };
    const g = new VenueGreeks();
    for (const { name, sign, forward, strike, years, mark, vol } of rows) {
      const intrinsic = Math.max((sign * (forward - strike)) / forward, 0);
      if (vol === BELOW_INTRINSIC) {
        counts["below-intrinsic"] = (counts["below-intrinsic"] ?? 0) + 1;
        // A mark is printed with six digits: only that much may be missing.
        expect(intrinsic - mark, name).toBeGreaterThan(0);
        expect(intrinsic - mark, name).toBeLessThan(1e-4);
      } else if (vol === ABOVE_LIMIT) {
        counts["above-limit"] = (counts["above-limit"] ?? 0) + 1;
      } else if (vol === 0) {
        counts.intrinsic = (counts.intrinsic ?? 0) + 1;
      } else {
        counts.vol = (counts.vol ?? 0) + 1;
        expect(vol, name).toBeGreaterThan(0.1);
        expect(vol, name).toBeLessThan(6);
        venueGreeks(g, sign, forward, strike, years, vol, true);
        expect(Math.abs(g.mark - mark), name).toBeLessThanOrEqual(1e-14);
      }
    }
    console.log("ETH chain 2024-01-08:", counts);
    expect(counts["above-limit"]).toBe(0);
    expect(counts.vol).toBeGreaterThan(600);
  });

  test("call and put of a strike keep parity, priced at either's volatility", () => {
    const rows = readChain();
    const byKey = new Map(rows.map((row) => [row.name, row]));
    const call = new VenueGreeks();
    const put = new VenueGreeks();
    let pairs = 0;
    for (const row of rows) {
      if (row.sign !== CALL) continue;
      const other = byKey.get(row.name.replace(/C$/, "P")) as Row;
      expect(other, row.name).toBeDefined();
      pairs += 1;
      for (const vol of [row.vol, other.vol]) {
        if (vol <= 0) continue;
        venueGreeks(call, CALL, row.forward, row.strike, row.years, vol, true);
        venueGreeks(put, PUT, row.forward, row.strike, row.years, vol, true);
        expect(Math.abs(call.mark - put.mark - (1 - row.strike / row.forward))).toBeLessThanOrEqual(
          1e-15 * (1 + row.strike / row.forward),
        );
        expect(call.delta - put.delta).toBeCloseTo(1, 14);
      }
      // Vol of the out-of-the-money side prices the other side to within the parity the venue itself keeps.
      const [otm, itm] = row.forward <= row.strike ? [row, other] : [other, row];
      if (otm.vol <= 0) continue;
      venueGreeks(call, itm.sign, itm.forward, itm.strike, itm.years, otm.vol, true);
      expect(Math.abs(call.mark - itm.mark), itm.name).toBeLessThanOrEqual(1e-4);
    }
    expect(pairs).toBe(342);
  });
});
