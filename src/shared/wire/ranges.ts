// Ranges of the fields on the wire, where they are not a limit of the engine's memory (limits.ts). The encoder refuses to write
// what lies outside, the verifier refuses to read it; docs/wire.md is the table for people.

/** 2000-01-01 and 2200-01-01 UTC: a time outside [from, to) is a mistake of unit. */
export const TIME_FROM_MS = 946_684_800_000;
export const TIME_TO_MS = 7_258_118_400_000;

/** Bits of AccountEvent.flags. */
export const enum EventFlag {
  Maker = 1,
  Isolated = 2,
  /** Hedge mode: the leg the event belongs to. Never both; neither in one-way mode. */
  LongLeg = 4,
  ShortLeg = 8,
  ReduceOnly = 16,
}

/** Flags that each kind may carry. */
export const FILL_FLAGS = EventFlag.Maker | EventFlag.Isolated | EventFlag.LongLeg | EventFlag.ShortLeg;
export const ORDER_FLAGS = EventFlag.Isolated | EventFlag.LongLeg | EventFlag.ShortLeg | EventFlag.ReduceOnly;
export const POSITION_FLAGS = EventFlag.Isolated | EventFlag.LongLeg | EventFlag.ShortLeg;

/** A funding rate of more than all of the notional in one interval is a mistake of unit. */
export const FUNDING_RATE_MAX_E12 = 1_000_000_000_000;
export const FUNDING_RATE_MAX = 1;

/** Bits of BookLevel.flags. */
export const enum BookFlag {
  Snapshot = 1,
  First = 2,
  Last = 4,
}
export const BOOK_FLAGS = BookFlag.Snapshot | BookFlag.First | BookFlag.Last;

/** Characters a symbol may have: printable ASCII without the space. A name may have spaces too. */
export const SYMBOL_CHAR_FROM = 0x21;
export const NAME_CHAR_FROM = 0x20;
export const ASCII_CHAR_TO = 0x7e;

export const ASSET_SYMBOL_BYTES = 12;
export const INSTRUMENT_SYMBOL_BYTES = 40;
export const GROUP_NAME_BYTES = 24;
