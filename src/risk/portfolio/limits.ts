// What a portfolio line may hold: bounds that no real market reaches, so that a slipped decimal point or a unit mixed up is refused
// and every product of two fields stays finite.

import type { NumberRule } from "../validate";

/** Rows of each kind in one line; they bound the memory one line takes. */
export const MAX_ASSETS = 10_000;
export const MAX_INSTRUMENTS = 20_000;
export const MAX_TIERS_PER_INSTRUMENT = 10_000;
export const MAX_POSITIONS = 20_000;
export const MAX_ORDERS = 100_000;

/** The dearest asset trades below 1e6, the cheapest above 1e-12 (units of 1e-18 of a coin are its smallest fractions). */
export const PRICE: NumberRule = { exclusiveMin: 0, min: 1e-18, max: 1e15 };
/** A premium may be worth nothing. */
export const PREMIUM: NumberRule = { min: 0, max: 1e15 };
/** Contracts, balances, notionals: 1e18 is a thousand times the units of the most numerous token. */
export const SIGNED_AMOUNT: NumberRule = { min: -1e18, max: 1e18 };
export const AMOUNT: NumberRule = { min: 0, max: 1e18 };
export const POSITIVE_AMOUNT: NumberRule = { exclusiveMin: 0, min: 1e-18, max: 1e18 };
/** Contract, tick and lot size. */
export const SIZE: NumberRule = { exclusiveMin: 0, min: 1e-18, max: 1e15 };
/** A fraction of something. */
export const SHARE: NumberRule = { min: 0, max: 1 };
/** A fraction that must not be nothing. */
export const INITIAL_RATE: NumberRule = { exclusiveMin: 0, max: 1 };
/** Venues offer up to 1001; below 1 a position is more than paid for. */
export const LEVERAGE: NumberRule = { exclusiveMin: 0, min: 1e-6, max: 10_000 };
/** Annual volatility: 20 is 2000 %. A percentage given as such is above it, but for a very calm one. */
export const VOLATILITY: NumberRule = { exclusiveMin: 0, min: 1e-6, max: 20 };
/** Milliseconds since the epoch, which is a time itself, up to the last a Date can hold. */
export const TIME_MS: NumberRule = { min: 0, max: 8.64e15 };
