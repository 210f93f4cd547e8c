// The relations between the limits, checked once before a thread starts.
import {
  EVENTS_PER_BATCH_MAX,
  KERNEL_RESERVED_BYTES,
  MARGIN_TIER_SLOTS,
  MESSAGE_BYTES_MAX,
  RING_RECORDS_MIN,
  TIERS_PER_TABLE_MAX,
  WASM_PAGE_BYTES,
} from "./limits";

export function assertLimits(): void {
  const relations: [boolean, string][] = [
    [EVENTS_PER_BATCH_MAX * 2 <= RING_RECORDS_MIN, "two batches fit the smallest ring"],
    [EVENTS_PER_BATCH_MAX * 64 + 4096 <= MESSAGE_BYTES_MAX, "the largest batch fits a message"],
    [KERNEL_RESERVED_BYTES % WASM_PAGE_BYTES === 0, "sections of a shard begin on a page"],
    [MARGIN_TIER_SLOTS >= TIERS_PER_TABLE_MAX, "one table fits the tier pool"],
  ];
  for (const [holds, what] of relations) if (!holds) throw new Error(`src/shared/limits.ts: it no longer holds that ${what}`);
}
