import { describe, expect, it } from "vitest";
import { AccountGroupAt, AlertAt, AssetAt, InstrumentAt, MarginTableAt, MarginTierAt } from "../../../schemas/generated/offsets";
import { AlertBatchWriter, ReferenceBatchWriter } from "../../shared/wire/encode";
import {
  AlignedMessage,
  checkAlerts,
  checkReferenceBatch,
  lastFault,
  lastReason,
  VERIFY_CODES,
  VerifiedBatch,
  verifyAlerts,
  verifyReference,
} from "./index";

const aligned = new AlignedMessage();
const batch = new VerifiedBatch();

/** Name of the code that a message gets after `change` was made at its first struct (byte 80); "" where it is taken. */
function outcome(write: (w: ReferenceBatchWriter) => void, change: (view: DataView, first: number) => void = () => {}): string {
  const w = new ReferenceBatchWriter(1);
  write(w);
  const message = w.finish();
  expect(verifyReference(message, batch)).toBe(0);
  aligned.load(message);
  change(new DataView(aligned.u8.buffer), 80);
  return VERIFY_CODES[checkReferenceBatch(aligned, batch)].name.replace(/^ok$/, "");
}

const sizes = { contractSize: 1, tickSize: "0.1", lotSize: 1 };
const perpetual = { id: 1, marginTable: 1, symbol: "BTCUSDT", base: 2, quote: 1, settle: 1, kind: 2, payoff: 1, ...sizes };
const option = { ...perpetual, symbol: "C", kind: 4, premium: 1, optionType: 2, strike: 5, expiryMs: 1_727_424_000_000 };
const tier = { table: 1, notionalFloor: 0, initialRate: 0.02, maintenanceRate: 0.01 };
const writes: Record<string, (w: ReferenceBatchWriter) => void> = {
  assets: (w) => w.asset({ id: 1, symbol: "USDT", usdPrice: 1 }),
  instruments: (w) => w.instrument(perpetual),
  option: (w) => w.instrument(option),
  spot: (w) => w.instrument({ ...perpetual, marginTable: 0, kind: 1 }),
  marginTables: (w) =>
    w.marginTable({ id: 2, model: 2, initialBase: 0.02, initialPerUnit: 0.2, maintenanceBase: 0.01, maintenancePerUnit: 0.1 }),
  deribit: (w) => w.marginTable({ id: 3, model: 3 }),
  accountGroups: (w) => w.accountGroup({ id: 1, collateral: 1, hedgeMode: true, name: "a b" }),
};

const INF = Number.POSITIVE_INFINITY;
const E53 = 2n ** 53n;
const range = "out-of-range";
const id = (max: number): [number, string][] => [
  [1, ""],
  [max, ""],
  [0, range],
  [max + 1, range],
  [0xffffffff, range],
];
const positive64: [bigint, string][] = [
  [1n, ""],
  [2n ** 63n - 1n, ""],
  [0n, range],
  [-1n, range],
];
const unused64: [bigint, string][] = [
  [0n, ""],
  [1n, "not-zero"],
  [2n ** 40n, "not-zero"],
];

type Width = "u8" | "u16" | "u32" | "i64" | "f64";
const rules: [string, string, number, Width, [bigint | number, string][]][] = [
  ["assets", "id", AssetAt.id, "u32", id(255)],
  [
    "assets",
    "haircut",
    AssetAt.haircut,
    "f64",
    [
      [0, ""],
      [0.999, ""],
      [1, range],
      [-0.1, range],
      [Number.NaN, range],
    ],
  ],
  [
    "assets",
    "usdPrice",
    AssetAt.usdPrice,
    "f64",
    [
      [1e-9, ""],
      [0, range],
      [-1, range],
      [INF, range],
      [Number.NaN, range],
    ],
  ],
  [
    "assets",
    "symbol",
    AssetAt.symbol,
    "u8",
    [
      [0x7e, ""],
      [0x21, ""],
      [0x20, "bad-text"],
      [0x7f, "bad-text"],
      [0xc3, "bad-text"],
      [0, "bad-text"],
    ],
  ],
  [
    "assets",
    "symbol",
    AssetAt.symbol + 11,
    "u8",
    [
      [0, ""],
      [65, "bad-text"],
    ],
  ],
  ["instruments", "id", InstrumentAt.id, "u32", id(4095)],
  ["instruments", "marginTable", InstrumentAt.marginTable, "u32", id(1023)],
  [
    "spot",
    "marginTable",
    InstrumentAt.marginTable,
    "u32",
    [
      [0, ""],
      [1023, ""],
      [1024, range],
    ],
  ],
  [
    "instruments",
    "symbol",
    InstrumentAt.symbol + 3,
    "u8",
    [
      [0, "bad-text"],
      [10, "bad-text"],
    ],
  ],
  ["instruments", "base", InstrumentAt.base, "u32", id(255)],
  ["instruments", "quote", InstrumentAt.quote, "u32", id(255)],
  ["instruments", "settle", InstrumentAt.settle, "u32", id(255)],
  [
    "instruments",
    "kind",
    InstrumentAt.kind,
    "u8",
    [
      [2, ""],
      [0, "unknown-kind"],
      [5, "unknown-kind"],
    ],
  ],
  [
    "instruments",
    "payoff",
    InstrumentAt.payoff,
    "u8",
    [
      [2, ""],
      [0, range],
      [3, range],
    ],
  ],
  [
    "option",
    "payoff",
    InstrumentAt.payoff,
    "u8",
    [
      [1, ""],
      [2, range],
    ],
  ],
  [
    "instruments",
    "premium",
    InstrumentAt.premium,
    "u8",
    [
      [0, ""],
      [1, range],
    ],
  ],
  [
    "option",
    "premium",
    InstrumentAt.premium,
    "u8",
    [
      [2, ""],
      [0, range],
      [3, range],
    ],
  ],
  [
    "instruments",
    "optionType",
    InstrumentAt.optionType,
    "u8",
    [
      [0, ""],
      [1, range],
    ],
  ],
  [
    "option",
    "optionType",
    InstrumentAt.optionType,
    "u8",
    [
      [1, ""],
      [0, range],
      [3, range],
    ],
  ],
  ["instruments", "contractSize", InstrumentAt.contractSize, "i64", positive64],
  ["instruments", "tickSize", InstrumentAt.tickSize, "i64", positive64],
  ["instruments", "lotSize", InstrumentAt.lotSize, "i64", positive64],
  ["instruments", "strike", InstrumentAt.strike, "i64", unused64],
  [
    "option",
    "strike",
    InstrumentAt.strike,
    "i64",
    [
      [1n, ""],
      [E53 - 1n, ""],
      [0n, range],
      [E53, range],
      [-1n, range],
    ],
  ],
  ["instruments", "expiryNs", InstrumentAt.expiryNs, "i64", unused64],
  [
    "option",
    "expiryNs",
    InstrumentAt.expiryNs,
    "i64",
    [
      [946_684_800_000_000_000n, ""],
      [0n, "bad-time"],
      [1n, "bad-time"],
    ],
  ],
  ["instruments", "reserved", InstrumentAt.reserved, "i64", unused64],
  ["instruments", "reserved", InstrumentAt.reserved + 8, "i64", unused64],
  ["marginTables", "id", MarginTableAt.id, "u32", id(1023)],
  [
    "marginTables",
    "model",
    MarginTableAt.model,
    "u8",
    [
      [2, ""],
      [0, "unknown-kind"],
      [4, "unknown-kind"],
      [3, "not-zero"],
    ],
  ],
  [
    "marginTables",
    "notionalAt",
    MarginTableAt.notionalAt,
    "u8",
    [
      [0, ""],
      [1, ""],
      [2, range],
    ],
  ],
  [
    "marginTables",
    "reserved",
    MarginTableAt.reserved,
    "u16",
    [
      [0, ""],
      [256, "not-zero"],
    ],
  ],
  ["marginTables", "reserved", MarginTableAt.reserved2 + 8, "i64", unused64],
  [
    "marginTables",
    "liquidationFeeRate",
    MarginTableAt.liquidationFeeRate,
    "f64",
    [
      [0, ""],
      [0.5, ""],
      [1, range],
      [-0.1, range],
      [Number.NaN, range],
    ],
  ],
  [
    "marginTables",
    "initialBase",
    MarginTableAt.initialBase,
    "f64",
    [
      [0.01, ""],
      [1, ""],
      [0.009, range],
      [1.01, range],
      [Number.NaN, range],
    ],
  ],
  [
    "marginTables",
    "maintenanceBase",
    MarginTableAt.maintenanceBase,
    "f64",
    [
      [0.02, ""],
      [0, range],
      [-1, range],
      [Number.NaN, range],
    ],
  ],
  [
    "marginTables",
    "initialPerUnit",
    MarginTableAt.initialPerUnit,
    "f64",
    [
      [0.1, ""],
      [0.09, range],
      [INF, range],
    ],
  ],
  [
    "marginTables",
    "maintenancePerUnit",
    MarginTableAt.maintenancePerUnit,
    "f64",
    [
      [0, ""],
      [-0.1, range],
      [Number.NaN, range],
    ],
  ],
  [
    "deribit",
    "initialBase",
    MarginTableAt.initialBase,
    "f64",
    [
      [0, ""],
      [0.1, "not-zero"],
      [Number.NaN, "not-zero"],
    ],
  ],
  [
    "deribit",
    "maintenancePerUnit",
    MarginTableAt.maintenancePerUnit,
    "f64",
    [
      [0, ""],
      [0.1, "not-zero"],
    ],
  ],
  [
    "accountGroups",
    "id",
    AccountGroupAt.id,
    "u32",
    [
      [0, ""],
      [1023, ""],
      [1024, range],
    ],
  ],
  [
    "accountGroups",
    "collateral",
    AccountGroupAt.collateral,
    "u8",
    [
      [0, ""],
      [2, range],
    ],
  ],
  [
    "accountGroups",
    "hedgeMode",
    AccountGroupAt.hedgeMode,
    "u8",
    [
      [0, ""],
      [2, range],
    ],
  ],
  ["accountGroups", "reserved", AccountGroupAt.reserved, "u16", [[1, "not-zero"]]],
  [
    "accountGroups",
    "name",
    AccountGroupAt.name,
    "u8",
    [
      [0x20, ""],
      [0x1f, "bad-text"],
    ],
  ],
];

describe("reference records", () => {
  it.each(Object.keys(writes))("%s: taken as the encoder writes it", (what) => {
    expect(outcome(writes[what])).toBe("");
  });

  it.each(rules)("%s: %s is held to its range", (what, field, at, width, values) => {
    for (const [value, code] of values) {
      const got = outcome(writes[what], (view, first) => {
        if (width === "u8") view.setUint8(first + at, Number(value));
        else if (width === "u16") view.setUint16(first + at, Number(value), true);
        else if (width === "u32") view.setUint32(first + at, Number(value), true);
        else if (width === "i64") view.setBigInt64(first + at, BigInt(value), true);
        else view.setFloat64(first + at, Number(value), true);
      });
      expect(`${value}: ${got}`).toBe(`${value}: ${code}`);
      if (code !== "" && !(field === "model" && value === 3)) expect(lastFault.field).toBe(field);
    }
  });

  const asset = { id: 1, symbol: "A", usdPrice: 1 };
  const tiered = { id: 1, model: 1 };
  const messages: [string, (w: ReferenceBatchWriter) => void, string, string][] = [
    ["a symbol of the full length", (w) => w.asset({ ...asset, symbol: "ABCDEFGHIJKL" }), "", ""],
    [
      "two assets of one id",
      (w) =>
        [asset, { ...asset, symbol: "B" }].forEach((a) => {
          w.asset(a);
        }),
      "duplicate",
      "assets[1].id is 1; it must be in the message once",
    ],
    [
      "two assets of one symbol",
      (w) =>
        [asset, { ...asset, id: 2 }].forEach((a) => {
          w.asset(a);
        }),
      "duplicate",
      'assets[1].symbol is "A"; it must be in the message once',
    ],
    [
      "two instruments of one symbol",
      (w) =>
        [perpetual, { ...perpetual, id: 2 }].forEach((i) => {
          w.instrument(i);
        }),
      "duplicate",
      'instruments[1].symbol is "BTCUSDT"; it must be in the message once',
    ],
    [
      "two groups of one id",
      (w) =>
        [1, 1].forEach((group) => {
          w.accountGroup({ id: group, collateral: 0, hedgeMode: false });
        }),
      "duplicate",
      "accountGroups[1].id is 1; it must be in the message once",
    ],
    [
      "two tables of one id",
      (w) =>
        [1, 1].forEach(() => {
          w.marginTable({ id: 3, model: 3 });
        }),
      "duplicate",
      "marginTables[1].id is 3; it must be in the message once",
    ],
    [
      "a tiered table and its tiers",
      (w) => {
        w.marginTable(tiered);
        w.marginTier(tier);
        w.marginTier({ ...tier, notionalFloor: 5, deduction: 3 });
      },
      "",
      "",
    ],
    [
      "a tiered table without tiers",
      (w) => w.marginTable(tiered),
      "bad-tiers",
      "marginTables[0].id is 1; it must be that of tiers in the same message",
    ],
    [
      "tiers of a table that has none",
      (w) => {
        w.marginTable({ id: 1, model: 3 });
        w.marginTier(tier);
      },
      "bad-tiers",
      "marginTables[0].id is 1; it must be that of no tiers: only model 1 has",
    ],
    [
      "tiers without their table",
      (w) => w.marginTier(tier),
      "bad-tiers",
      "marginTiers[0].table is 1; it must be a margin table of the same message, its tiers in one run",
    ],
    [
      "a first tier above 0",
      (w) => {
        w.marginTable(tiered);
        w.marginTier({ ...tier, notionalFloor: 1 });
      },
      "bad-tiers",
      "marginTiers[0].notionalFloor is 1; it must be 0 in the first tier",
    ],
    [
      "two tiers of one floor",
      (w) => {
        w.marginTable(tiered);
        w.marginTier(tier);
        w.marginTier(tier);
      },
      "bad-tiers",
      "marginTiers[1].notionalFloor is 0; it must be finite and above the floor of the tier before",
    ],
    [
      "tiers of two tables",
      (w) => {
        w.marginTable(tiered);
        w.marginTable({ ...tiered, id: 2 });
        w.marginTier({ ...tier, table: 2 });
        w.marginTier(tier);
      },
      "",
      "",
    ],
    [
      "tiers of a table in two runs",
      (w) => {
        w.marginTable(tiered);
        w.marginTable({ ...tiered, id: 2 });
        w.marginTier(tier);
        w.marginTier({ ...tier, table: 2 });
        w.marginTier(tier);
      },
      "bad-tiers",
      "marginTiers[2].table is 1; it must be a margin table of the same message, its tiers in one run",
    ],
    [
      "64 tiers",
      (w) => {
        w.marginTable(tiered);
        for (let i = 0; i < 64; i++) w.marginTier({ ...tier, notionalFloor: i });
      },
      "",
      "",
    ],
    [
      "65 tiers",
      (w) => {
        w.marginTable(tiered);
        for (let i = 0; i < 65; i++) w.marginTier({ ...tier, notionalFloor: i });
      },
      "bad-tiers",
      "marginTiers[64].table is 1; it must be that of at most 64 tiers",
    ],
  ];
  it.each(messages)("%s", (_, write, code, reason) => {
    expect(outcome(write)).toBe(code);
    if (code !== "") expect(lastReason()).toBe(reason);
  });

  const tierRules: [string, number, [number, string][]][] = [
    [
      "notionalFloor",
      MarginTierAt.notionalFloor,
      [
        [0, ""],
        [Number.NaN, "bad-tiers"],
        [-1, "bad-tiers"],
      ],
    ],
    [
      "initialRate",
      MarginTierAt.initialRate,
      [
        [0.01, ""],
        [1, ""],
        [0.009, range],
        [1.1, range],
        [Number.NaN, range],
      ],
    ],
    [
      "maintenanceRate",
      MarginTierAt.maintenanceRate,
      [
        [0.02, ""],
        [0, range],
        [-0.1, range],
        [1.1, range],
        [Number.NaN, range],
      ],
    ],
    [
      "deduction",
      MarginTierAt.deduction,
      [
        [0, ""],
        [Number.NaN, ""],
        [5, ""],
        [-1, range],
        [INF, range],
      ],
    ],
  ];
  it.each(tierRules)("a tier's %s is held to its range", (field, at, values) => {
    for (const [value, code] of values) {
      const write = (w: ReferenceBatchWriter) => {
        w.marginTable(tiered);
        w.marginTier(tier);
      };
      // The table's 64 bytes and the next vector's prefix stand before it.
      expect(`${value}: ${outcome(write, (view, first) => view.setFloat64(first + 72 + at, value, true))}`).toBe(
        `${value}: ${code}`,
      );
      if (code !== "") expect(lastFault.field).toBe(field);
    }
  });
});

describe("alerts", () => {
  const alert = {
    account: 42,
    timeMs: 1_718_000_000_000,
    logOffset: 0,
    logPartition: 0,
    eventIndex: 0,
    marketSeq: 0,
    equityUsd: 1,
    initialMarginUsd: 1,
    maintenanceMarginUsd: 1,
    worstMarginRatio: Number.NaN,
    fromStatus: 0,
    toStatus: 4,
    freshness: 4,
    instrument: 0,
    alertSeq: 1,
  };
  const alertRules: [string, number, Width, [bigint | number, string][]][] = [
    [
      "account",
      AlertAt.account,
      "i64",
      [
        [1n, ""],
        [0n, range],
        [E53, range],
      ],
    ],
    ["timeNs", AlertAt.timeNs, "i64", [[0n, "bad-time"]]],
    [
      "logOffset",
      AlertAt.logOffset,
      "i64",
      [
        [E53 - 1n, ""],
        [-1n, range],
      ],
    ],
    [
      "logPartition",
      AlertAt.logPartition,
      "u32",
      [
        [0x7fffffff, ""],
        [0x80000000, range],
      ],
    ],
    ["eventIndex", AlertAt.eventIndex, "u32", [[0xffffffff, ""]]],
    ["marketSeq", AlertAt.marketSeq, "i64", [[E53, range]]],
    [
      "equityUsd",
      AlertAt.equityUsd,
      "f64",
      [
        [-5, ""],
        [Number.NaN, range],
        [INF, range],
      ],
    ],
    ["initialMarginUsd", AlertAt.initialMarginUsd, "f64", [[Number.NaN, range]]],
    ["maintenanceMarginUsd", AlertAt.maintenanceMarginUsd, "f64", [[-INF, range]]],
    [
      "worstMarginRatio",
      AlertAt.worstMarginRatio,
      "f64",
      [
        [2, ""],
        [INF, range],
      ],
    ],
    [
      "fromStatus",
      AlertAt.fromStatus,
      "u8",
      [
        [4, ""],
        [5, range],
      ],
    ],
    [
      "toStatus",
      AlertAt.toStatus,
      "u8",
      [
        [0, ""],
        [5, range],
      ],
    ],
    [
      "freshness",
      AlertAt.freshness,
      "u8",
      [
        [0, ""],
        [5, range],
      ],
    ],
    [
      "instrument",
      AlertAt.instrument,
      "u32",
      [
        [4095, ""],
        [4096, range],
      ],
    ],
    ["reserved", AlertAt.reserved, "u8", [[1, "not-zero"]]],
    [
      "alertSeq",
      AlertAt.alertSeq,
      "i64",
      [
        [E53 - 1n, ""],
        [0n, range],
      ],
    ],
  ];
  it.each(alertRules)("%s is held to its range", (field, at, width, values) => {
    for (const [value, code] of values) {
      const w = new AlertBatchWriter(1);
      w.alert(alert);
      const message = w.finish();
      expect(verifyAlerts(message, batch)).toBe(0);
      aligned.load(message);
      expect(checkAlerts(aligned, batch.offsets[0], 1)).toBe(-1);
      const view = new DataView(aligned.u8.buffer);
      const to = batch.offsets[0] + at;
      if (width === "u8") view.setUint8(to, Number(value));
      else if (width === "u32") view.setUint32(to, Number(value), true);
      else if (width === "i64") view.setBigInt64(to, BigInt(value), true);
      else view.setFloat64(to, Number(value), true);
      const index = checkAlerts(aligned, batch.offsets[0], 1);
      expect(`${value}: ${index < 0 ? "" : VERIFY_CODES[lastFault.code].name}`).toBe(`${value}: ${code}`);
      if (code !== "") expect(lastFault.field).toBe(field);
    }
  });
});
