// A past that a test knows: one row of each kind for whoever is asked about.
import type { HistoryReader } from "../http/history";

export function fakeHistory(over: Partial<HistoryReader> = {}): HistoryReader {
  const timeMs = 1_718_000_000_000;
  const alert = {
    ...{ timeMs, cursor: "1718000000000000.1.k", key: "k", partition: 0, offset: "9007199254740993", index: 0 },
    ...{ fromStatus: "ok", toStatus: "warning", freshness: "OK", equityUsd: 1, initialMarginUsd: 1, maintenanceMarginUsd: 1 },
    ...{ worstMarginRatio: null, instrument: null },
  };
  return {
    accountRisk: async () => [
      {
        ...{ timeMs, equityUsd: 5, equityMinUsd: 4, equityMaxUsd: 6, walletBalanceUsd: 5, unrealizedPnlUsd: Number.NaN },
        ...{ initialMarginUsd: 1, maintenanceMarginUsd: 1, availableUsd: 1, marginRatio: null, marginRatioMax: null },
        ...{ grossExposureUsd: 1, netExposureUsd: Number.POSITIVE_INFINITY, liquidationDistanceMin: null },
        ...{ status: "ok", freshness: "OK", samples: 1 },
      },
    ],
    positions: async () => [
      {
        ...{ timeMs, symbol: "BTCUSDT", instrumentId: 1, leg: "net", mode: "cross" as const, qty: -1.5, entryPrice: 1 },
        ...{ markPrice: 1, notional: 1, unrealizedPnl: 1, initialMargin: 1, maintenanceMargin: 1, liquidationPrice: null },
        ...{ bankruptcyPrice: null, leverage: null, realizedPnl: 0, fees: 0, funding: 0 },
      },
    ],
    fills: async () => [
      {
        ...{
          timeMs,
          cursor: "1718000000000000.1.0.7.0",
          partition: 0,
          offset: "7",
          index: 0,
          symbol: null,
          kind: "fill",
          side: "buy",
        },
        ...{ leg: "net", maker: false, isolated: false, reduceOnly: false, orderId: "0", qty: null, price: null, fee: 0.1 },
        ...{
          realizedPnl: 0,
          positionQty: null,
          settle: null,
          qtyLots: "1500",
          priceTicks: "600001",
          feeE8: "-5",
          realizedPnlE8: "0",
        },
      },
    ],
    marks: async () => [
      {
        ...{ timeMs, open: 1, high: 2, low: 1, close: 2, index: null, fundingRate: null, bid: null, ask: null, iv: null },
        samples: 2,
      },
    ],
    alerts: async ({ accountId }) => [{ ...alert, accountId: accountId ?? "2" }],
    ...over,
  };
}
