// One portfolio as JSON (docs/margin.md, `plimsoll eval`) into a workspace. Every field is asked for by name, type and range; what is
// wrong is refused with its path. Runs in Node only; the portable subset begins behind it.

import { openCashAt, prepareInstrument, unitValueAt } from "../instruments/instrument";
import { deriveDeduction } from "../margin/tiered";
import { yearsToExpiry } from "../options/venue";
import {
  asNumber,
  asObject,
  elementPath,
  FieldError,
  fieldPath,
  has,
  type JsonObject,
  readArray,
  readChoice,
  readNumber,
  readObject,
  readOptionalChoice,
  readOptionalNumber,
  readString,
  refuseUnknown,
} from "../validate";
import * as limits from "./limits";
import * as w from "./workspace";

/** What the workspace's rows are called: the line's own names, by row. */
export interface LineNames {
  id: unknown;
  assets: string[];
  /** base asset's name, by instrument row */
  bases: string[];
  symbols: string[];
  entryPrices: number[];
}

/** Rows a line needs of each kind. */
export interface LineSize {
  readonly assets: number;
  readonly instruments: number;
  readonly tiers: number;
  readonly positions: number;
  readonly orders: number;
}

const LINE_FIELDS = new Set(["id", "asOf", "assets", "instruments", "market", "account"]);
const ASSET_FIELDS = new Set(["price", "haircut"]);
const CONTRACT_FIELDS = ["symbol", "kind", "payoff", "base", "quote", "settle", "contractSize", "tickSize", "lotSize", "margin"];
const INSTRUMENT_FIELDS = new Set(CONTRACT_FIELDS);
const FUTURE_FIELDS = new Set([...CONTRACT_FIELDS, "expiry"]);
const OPTION_FIELDS = new Set([...CONTRACT_FIELDS, "expiry", "premium", "optionType", "strike"]);
const TIERED_FIELDS = new Set(["model", "tiers", "liquidationFeeRate", "notionalAt"]);
const TIER_FIELDS = new Set(["notionalFloor", "initialRate", "maintenanceRate", "deduction"]);
const SIZE_SCALED_FIELDS = new Set(["model", "initialBase", "initialPerUnit", "maintenanceBase", "maintenancePerUnit"]);
const DERIBIT_OPTION_FIELDS = new Set(["model"]);
const MARKET_FIELDS = new Set(["mark", "index", "underlying", "iv"]);
const ACCOUNT_FIELDS = new Set(["id", "collateral", "balances", "positions", "orders"]);
const POSITION_FIELDS = new Set(["symbol", "qty", "entryPrice", "mode", "leverage", "isolatedMargin"]);
const ORDER_FIELDS = new Set(["symbol", "side", "qty", "price"]);

const KINDS = ["spot", "perpetual", "future", "option"] as const;
const PAYOFFS = ["linear", "inverse"] as const;
const PREMIUMS = ["base", "quote"] as const;
const OPTION_TYPES = ["call", "put"] as const;
const MODELS = ["tiered", "size-scaled", "deribit-option"] as const;
const NOTIONALS_AT = ["mark", "entry"] as const;
const COLLATERALS = ["single-asset", "multi-asset"] as const;
const MODES = ["cross", "isolated"] as const;
const SIDES = ["buy", "sell"] as const;

const KIND_CODES = { spot: w.KIND_SPOT, perpetual: w.KIND_PERPETUAL, future: w.KIND_FUTURE, option: w.KIND_OPTION };

/**
 * Rows a line will need, before anything but the outermost shapes has been looked at.
 *
 * @throws FieldError where these shapes are not there or hold more than the limits
 */
export function measureLine(value: unknown): LineSize {
  const line = asObject(value, "");
  const account = readObject(line, "account", "");
  const instruments = readArray(line, "instruments", "");
  limitCount(instruments.length, limits.MAX_INSTRUMENTS, "instruments");
  let tiers = 0;
  for (let i = 0; i < instruments.length; i++) {
    const path = elementPath("instruments", i);
    const instrument = asObject(instruments[i], path);
    if (!has(instrument, "margin")) continue;
    const margin = readObject(instrument, "margin", path);
    if (!has(margin, "tiers")) continue;
    const tiersPath = `${path}.margin.tiers`;
    const table = readArray(margin, "tiers", `${path}.margin`);
    limitCount(table.length, limits.MAX_TIERS_PER_INSTRUMENT, tiersPath);
    tiers += table.length;
  }
  const positions = readArray(account, "positions", "account").length;
  limitCount(positions, limits.MAX_POSITIONS, "account.positions");
  const orders = has(account, "orders") ? readArray(account, "orders", "account").length : 0;
  limitCount(orders, limits.MAX_ORDERS, "account.orders");
  let assets = 0;
  for (const _ in readObject(line, "assets", "")) assets += 1;
  limitCount(assets, limits.MAX_ASSETS, "assets");
  return { assets, instruments: instruments.length, tiers, positions, orders };
}

/**
 * Fills a workspace from a line.
 *
 * @param ws at least as large as measureLine says
 * @throws FieldError for the first field that is wrong; the workspace then holds nothing of use
 */
export function readLine(value: unknown, ws: w.Workspace): LineNames {
  return new LineReader(ws).read(asObject(value, ""));
}

class LineReader {
  private readonly ws: w.Workspace;
  private readonly assetRows = new Map<string, number>();
  private readonly instrumentRows = new Map<string, number>();
  private readonly names: LineNames = { id: null, assets: [], bases: [], symbols: [], entryPrices: [] };
  private tierCount = 0;
  /** path of the tier without an initial rate, by instrument row */
  private readonly rateless = new Map<number, string>();

  constructor(ws: w.Workspace) {
    this.ws = ws;
  }

  read(line: JsonObject): LineNames {
    refuseUnknown(line, "", LINE_FIELDS);
    if (!has(line, "id")) throw missing("id");
    this.names.id = line.id;
    const asOfMs = readNumber(line, "asOf", "", limits.TIME_MS);
    this.readAssets(readObject(line, "assets", ""));
    const instruments = readArray(line, "instruments", "");
    for (let i = 0; i < instruments.length; i++) this.readInstrument(instruments[i], i, asOfMs);
    this.readMarket(readObject(line, "market", ""));
    this.readAccount(readObject(line, "account", ""));
    return this.names;
  }

  private readAssets(assets: JsonObject): void {
    const ws = this.ws;
    let row = 0;
    for (const name in assets) {
      const path = fieldPath("assets", name);
      const asset = asObject(assets[name], path);
      refuseUnknown(asset, path, ASSET_FIELDS);
      ws.assetPriceUsd[row] = readNumber(asset, "price", path, limits.PRICE);
      ws.assetHaircut[row] = readOptionalNumber(asset, "haircut", path, limits.SHARE, 0);
      this.assetRows.set(name, row);
      this.names.assets.push(name);
      row += 1;
    }
  }

  private readInstrument(value: unknown, row: number, asOfMs: number): void {
    const ws = this.ws;
    const path = elementPath("instruments", row);
    const instrument = asObject(value, path);
    const symbol = readString(instrument, "symbol", path);
    if (this.instrumentRows.has(symbol)) {
      throw new FieldError("conflict", `${path}.symbol`, `${path}.symbol: there is another instrument ${symbol}`);
    }
    const kind = readChoice(instrument, "kind", path, KINDS);
    const isOption = kind === "option";
    refuseUnknown(instrument, path, isOption ? OPTION_FIELDS : kind === "future" ? FUTURE_FIELDS : INSTRUMENT_FIELDS);
    const payoff = readChoice(instrument, "payoff", path, PAYOFFS);
    if (payoff === "inverse" && (isOption || kind === "spot")) {
      const message = isOption
        ? `${path}.payoff must be linear for an option: its profit is linear in its premium, also where that is in base`
        : `${path}.payoff must be linear for a spot instrument`;
      throw new FieldError("conflict", `${path}.payoff`, message);
    }
    const base = readString(instrument, "base", path);
    readString(instrument, "quote", path);
    const settle = readString(instrument, "settle", path);
    ws.instrumentKind[row] = KIND_CODES[kind];
    ws.instrumentPayoff[row] = payoff === "inverse" ? w.PAYOFF_INVERSE : w.PAYOFF_LINEAR;
    ws.instrumentContractSize[row] = readNumber(instrument, "contractSize", path, limits.SIZE);
    readOptionalNumber(instrument, "tickSize", path, limits.SIZE, 0);
    readOptionalNumber(instrument, "lotSize", path, limits.SIZE, 0);
    ws.instrumentPremium[row] = w.PREMIUM_QUOTE;
    ws.instrumentOptionType[row] = w.OPTION_CALL;
    ws.instrumentStrike[row] = 0;
    ws.instrumentYears[row] = 0;
    if (isOption) this.readOption(instrument, row, path, asOfMs);
    else if (kind === "future") readOptionalNumber(instrument, "expiry", path, limits.TIME_MS, 0);

    const isInBase = payoff === "inverse" || ws.instrumentPremium[row] === w.PREMIUM_BASE;
    if (isInBase !== (settle === base)) {
      const rule = isInBase ? `must be the base, ${base}, that its profit is in` : "must not be the base: its profit is in quote";
      throw new FieldError("conflict", `${path}.settle`, `${path}.settle ${rule}`);
    }
    const settleRow = this.assetRows.get(settle);
    if (settleRow === undefined) {
      throw new FieldError("unknown-value", `${path}.settle`, `${path}.settle: assets has no ${settle}`);
    }
    ws.instrumentSettle[row] = settleRow;
    ws.instrumentBase[row] = this.assetRows.get(base) ?? w.NO_ASSET;
    this.readMargin(instrument, row, path, kind);
    this.instrumentRows.set(symbol, row);
    this.names.symbols.push(symbol);
    this.names.bases.push(base);
  }

  private readOption(instrument: JsonObject, row: number, path: string, asOfMs: number): void {
    const ws = this.ws;
    ws.instrumentPremium[row] = readChoice(instrument, "premium", path, PREMIUMS) === "base" ? w.PREMIUM_BASE : w.PREMIUM_QUOTE;
    ws.instrumentOptionType[row] =
      readChoice(instrument, "optionType", path, OPTION_TYPES) === "call" ? w.OPTION_CALL : w.OPTION_PUT;
    ws.instrumentStrike[row] = readNumber(instrument, "strike", path, limits.PRICE);
    const expiryMs = readNumber(instrument, "expiry", path, limits.TIME_MS);
    if (!(expiryMs > asOfMs)) {
      throw new FieldError("out-of-range", `${path}.expiry`, `${path}.expiry must be after asOf: the option has expired`);
    }
    ws.instrumentYears[row] = yearsToExpiry(expiryMs, asOfMs);
  }

  private readMargin(instrument: JsonObject, row: number, path: string, kind: (typeof KINDS)[number]): void {
    const ws = this.ws;
    ws.instrumentNotionalAt[row] = w.NOTIONAL_AT_MARK;
    ws.instrumentLiquidationFeeRate[row] = 0;
    ws.instrumentTierFirst[row] = this.tierCount;
    ws.instrumentTierCount[row] = 0;
    if (kind === "spot" && !has(instrument, "margin")) {
      ws.instrumentModel[row] = w.MODEL_FULLY_PAID;
      return;
    }
    const marginPath = `${path}.margin`;
    const margin = readObject(instrument, "margin", path);
    const model = readChoice(margin, "model", marginPath, MODELS);
    if ((model === "deribit-option") !== (kind === "option")) {
      const rule = kind === "option" ? "of an option must be deribit-option" : "deribit-option is for options only";
      throw new FieldError("conflict", `${marginPath}.model`, `${marginPath}.model ${rule}`);
    }
    if (model === "tiered") {
      this.readTiered(margin, row, marginPath);
    } else if (model === "size-scaled") {
      refuseUnknown(margin, marginPath, SIZE_SCALED_FIELDS);
      ws.instrumentModel[row] = w.MODEL_SIZE_SCALED;
      ws.instrumentInitialBase[row] = readNumber(margin, "initialBase", marginPath, limits.SHARE);
      ws.instrumentInitialPerUnit[row] = readNumber(margin, "initialPerUnit", marginPath, limits.SHARE);
      ws.instrumentMaintenanceBase[row] = readNumber(margin, "maintenanceBase", marginPath, limits.SHARE);
      ws.instrumentMaintenancePerUnit[row] = readNumber(margin, "maintenancePerUnit", marginPath, limits.SHARE);
    } else {
      refuseUnknown(margin, marginPath, DERIBIT_OPTION_FIELDS);
      ws.instrumentModel[row] = w.MODEL_DERIBIT_OPTION;
    }
  }

  private readTiered(margin: JsonObject, row: number, path: string): void {
    const ws = this.ws;
    refuseUnknown(margin, path, TIERED_FIELDS);
    ws.instrumentModel[row] = w.MODEL_TIERED;
    ws.instrumentLiquidationFeeRate[row] = readOptionalNumber(margin, "liquidationFeeRate", path, limits.SHARE, 0);
    const notionalAt = readOptionalChoice(margin, "notionalAt", path, NOTIONALS_AT, "mark");
    ws.instrumentNotionalAt[row] = notionalAt === "entry" ? w.NOTIONAL_AT_ENTRY : w.NOTIONAL_AT_MARK;
    const tiers = readArray(margin, "tiers", path);
    const tiersPath = `${path}.tiers`;
    if (tiers.length === 0) throw new FieldError("out-of-range", tiersPath, `${tiersPath} must hold at least one tier`);
    for (let i = 0; i < tiers.length; i++) this.readTier(tiers[i], row, i, elementPath(tiersPath, i));
    ws.instrumentTierCount[row] = tiers.length;
  }

  private readTier(value: unknown, instrumentRow: number, index: number, path: string): void {
    const ws = this.ws;
    const tier = asObject(value, path);
    refuseUnknown(tier, path, TIER_FIELDS);
    const row = this.tierCount;
    this.tierCount += 1;
    const floor = readNumber(tier, "notionalFloor", path, limits.AMOUNT);
    if (index === 0 && floor !== 0) {
      throw new FieldError("out-of-range", `${path}.notionalFloor`, `${path}.notionalFloor must be 0 in the first tier`);
    }
    if (index > 0 && !(floor > ws.tierFloor[row - 1]!)) {
      throw new FieldError("out-of-range", `${path}.notionalFloor`, `${path}.notionalFloor must be above the tier before`);
    }
    ws.tierFloor[row] = floor;
    ws.tierInitialRate[row] = readOptionalNumber(tier, "initialRate", path, limits.INITIAL_RATE, Number.NaN);
    if (!has(tier, "initialRate") && !this.rateless.has(instrumentRow)) {
      this.rateless.set(instrumentRow, `${path}.initialRate`);
    }
    ws.tierMaintenanceRate[row] = readNumber(tier, "maintenanceRate", path, limits.SHARE);
    if (has(tier, "deduction")) ws.tierDeduction[row] = readNumber(tier, "deduction", path, limits.AMOUNT);
    else if (index === 0) ws.tierDeduction[row] = 0;
    else deriveDeduction(ws, row);
  }

  private readMarket(market: JsonObject): void {
    const ws = this.ws;
    // Rows without prices are refused when something refers to them.
    for (let row = 0; row < this.names.symbols.length; row++) ws.instrumentMark[row] = Number.NaN;
    for (const symbol in market) {
      const path = fieldPath("market", symbol);
      const prices = asObject(market[symbol], path);
      refuseUnknown(prices, path, MARKET_FIELDS);
      const row = this.instrumentRows.get(symbol);
      const isOption = row !== undefined && ws.instrumentKind[row] === w.KIND_OPTION;
      const mark = readNumber(prices, "mark", path, isOption ? limits.PREMIUM : limits.PRICE);
      readOptionalNumber(prices, "index", path, limits.PRICE, 0);
      const underlying = isOption
        ? readNumber(prices, "underlying", path, limits.PRICE)
        : readOptionalNumber(prices, "underlying", path, limits.PRICE, 0);
      const iv = isOption
        ? readNumber(prices, "iv", path, limits.VOLATILITY)
        : readOptionalNumber(prices, "iv", path, limits.VOLATILITY, 0);
      if (row === undefined) continue;
      ws.instrumentMark[row] = mark;
      ws.instrumentUnderlying[row] = underlying;
      ws.instrumentIv[row] = iv;
      prepareInstrument(ws, row);
    }
  }

  private readAccount(account: JsonObject): void {
    const ws = this.ws;
    refuseUnknown(account, "account", ACCOUNT_FIELDS);
    readString(account, "id", "account");
    const collateral = readChoice(account, "collateral", "account", COLLATERALS);
    ws.collateral = collateral === "multi-asset" ? w.COLLATERAL_MULTI_ASSET : w.COLLATERAL_SINGLE_ASSET;
    this.readBalances(readObject(account, "balances", "account"));
    const positions = readArray(account, "positions", "account");
    const legs = new Map<number, number>();
    for (let i = 0; i < positions.length; i++) this.readPosition(positions[i], i, legs);
    ws.positionCount = positions.length;
    ws.orderCount = 0;
    if (!has(account, "orders")) return;
    const orders = readArray(account, "orders", "account");
    const orderRows = new Map<number, number>();
    for (let i = 0; i < orders.length; i++) this.readOrder(orders[i], i, legs, orderRows);
  }

  private readBalances(balances: JsonObject): void {
    const ws = this.ws;
    let row = 0;
    for (const name in balances) {
      const path = fieldPath("account.balances", name);
      const asset = this.assetRows.get(name);
      if (asset === undefined) throw new FieldError("unknown-value", path, `${path}: assets has no ${name}`);
      ws.walletAsset[row] = asset;
      ws.walletBalance[row] = asNumber(balances[name], path, limits.SIGNED_AMOUNT);
      row += 1;
    }
    ws.walletCount = row;
  }

  private readPosition(value: unknown, row: number, legs: Map<number, number>): void {
    const ws = this.ws;
    const path = elementPath("account.positions", row);
    const position = asObject(value, path);
    refuseUnknown(position, path, POSITION_FIELDS);
    const instrument = this.readSymbol(position, path);
    const qty = readNumber(position, "qty", path, limits.SIGNED_AMOUNT);
    const isOption = ws.instrumentKind[instrument] === w.KIND_OPTION;
    const entryPrice = readNumber(position, "entryPrice", path, isOption ? limits.PREMIUM : limits.PRICE);
    const isIsolated = readChoice(position, "mode", path, MODES) === "isolated";
    const isolatedMargin = isIsolated
      ? readNumber(position, "isolatedMargin", path, limits.AMOUNT)
      : readOptionalNumber(position, "isolatedMargin", path, limits.AMOUNT, 0);
    // Venues that list every column give cross positions an isolated margin of 0: that says nothing else.
    if (!isIsolated && isolatedMargin !== 0) {
      throw new FieldError(
        "conflict",
        `${path}.isolatedMargin`,
        `${path}.isolatedMargin is for isolated positions, this one is cross`,
      );
    }
    const leverage = readOptionalNumber(position, "leverage", path, limits.LEVERAGE, 0);
    if (leverage === 0) this.needInitialRate(instrument, path);
    if (qty < 0 && ws.instrumentModel[instrument] === w.MODEL_FULLY_PAID) {
      throw new FieldError(
        "out-of-range",
        `${path}.qty`,
        `${path}.qty must be 0 or more: the spot instrument has no margin to borrow on`,
      );
    }
    ws.positionInstrument[row] = instrument;
    ws.positionQty[row] = qty;
    ws.positionOpenCash[row] = openCashAt(ws, instrument, qty, entryPrice);
    ws.positionIsolated[row] = isIsolated ? 1 : 0;
    ws.positionIsolatedMargin[row] = isolatedMargin;
    ws.positionLeverage[row] = leverage;
    this.names.entryPrices.push(entryPrice);

    const other = legs.get(instrument);
    if (other === undefined) {
      legs.set(instrument, row);
    } else if (other < 0 || qty * ws.positionQty[other]! > 0) {
      const rule = "two positions of one symbol must be a hedge-mode pair, of opposite signs";
      throw new FieldError("conflict", `${path}.symbol`, `${path}.symbol: ${rule}`);
    } else {
      legs.set(instrument, -1 - other);
    }
  }

  private readOrder(value: unknown, index: number, legs: Map<number, number>, orderRows: Map<number, number>): void {
    const ws = this.ws;
    const path = elementPath("account.orders", index);
    const order = asObject(value, path);
    refuseUnknown(order, path, ORDER_FIELDS);
    const instrument = this.readSymbol(order, path);
    const side = readChoice(order, "side", path, SIDES);
    const qty = readNumber(order, "qty", path, limits.POSITIVE_AMOUNT);
    const notional = Math.abs(qty * unitValueAt(ws, instrument, readNumber(order, "price", path, limits.PRICE)));
    let row = orderRows.get(instrument);
    if (row === undefined) {
      row = ws.orderCount;
      ws.orderCount = row + 1;
      orderRows.set(instrument, row);
      ws.orderInstrument[row] = instrument;
      ws.orderBuyQty[row] = 0;
      ws.orderBuyNotional[row] = 0;
      ws.orderSellQty[row] = 0;
      ws.orderSellNotional[row] = 0;
      const leverage = this.orderLeverage(instrument, legs);
      ws.orderLeverage[row] = leverage;
      if (leverage === 0) this.needInitialRate(instrument, path);
    }
    if (side === "buy") {
      ws.orderBuyQty[row]! += qty;
      ws.orderBuyNotional[row]! += notional;
    } else {
      ws.orderSellQty[row]! += qty;
      ws.orderSellNotional[row]! += notional;
    }
  }

  // Orders stand under the leverage of the position they would change; of a pair's legs the lower one, which needs more.
  private orderLeverage(instrument: number, legs: Map<number, number>): number {
    const ws = this.ws;
    const leg = legs.get(instrument);
    if (leg === undefined) return 0;
    if (leg >= 0) return ws.positionLeverage[leg]!;
    let leverage = 0;
    for (let row = 0; row < ws.positionCount; row++) {
      const legLeverage = ws.positionLeverage[row]!;
      if (ws.positionInstrument[row] !== instrument || legLeverage === 0) continue;
      if (leverage === 0 || legLeverage < leverage) leverage = legLeverage;
    }
    return leverage;
  }

  private readSymbol(parent: JsonObject, parentPath: string): number {
    const symbol = readString(parent, "symbol", parentPath);
    const row = this.instrumentRows.get(symbol);
    const path = `${parentPath}.symbol`;
    if (row === undefined) throw new FieldError("unknown-value", path, `${path}: instruments has no ${symbol}`);
    if (Number.isNaN(this.ws.instrumentMark[row])) throw missing(fieldPath("market", symbol));
    return row;
  }

  private needInitialRate(instrument: number, path: string): void {
    const ratePath = this.rateless.get(instrument);
    if (ratePath === undefined) return;
    throw new FieldError("missing-field", ratePath, `${ratePath} is missing, and ${path} has no leverage to take it from`);
  }
}

function missing(path: string): FieldError {
  return new FieldError("missing-field", path, `${path} is missing`);
}

function limitCount(count: number, limit: number, path: string): void {
  if (count > limit) throw new FieldError("out-of-range", path, `${path} must hold at most ${limit} entries, got ${count}`);
}
