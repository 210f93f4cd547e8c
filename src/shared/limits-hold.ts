// The relations between the limits, checked once before a thread starts.
import {
  EVENTS_PER_BATCH_MAX,
  KERNEL_RESERVED_BYTES,
  MARGIN_TIER_SLOTS,
  MESSAGE_BYTES_MAX,
  PIECE_RECORDS,
  RING_RECORDS_MIN,
  ROUND_RECORDS,
  TIERS_PER_TABLE_MAX,
  WASM_PAGE_BYTES,
  WATCH_PASSES,
  WATCH_SLOTS,
} from "./limits";

export function assertLimits(): void {
  const relations: [boolean, string][] = [
    [EVENTS_PER_BATCH_MAX * 2 <= RING_RECORDS_MIN, "two batches fit the smallest ring"],
    [EVENTS_PER_BATCH_MAX * 64 + 4096 <= MESSAGE_BYTES_MAX, "the largest batch fits a message"],
    [KERNEL_RESERVED_BYTES % WASM_PAGE_BYTES === 0, "sections of a shard begin on a page"],
    [MARGIN_TIER_SLOTS >= TIERS_PER_TABLE_MAX, "one table fits the tier pool"],
    [PIECE_RECORDS <= ROUND_RECORDS, "a round has room for a piece"],
    [(WATCH_SLOTS & (WATCH_SLOTS - 1)) === 0, "a watched account's slot is its number's low bits"],
    [WATCH_PASSES < 128, "the age of a watch entry fits its eight bits"],
  ];
  for (const [holds, what] of relations) if (!holds) throw new Error(`src/shared/limits.ts: it no longer holds that ${what}`);
}
