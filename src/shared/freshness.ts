// How far a served number may be trusted. A wrong number shown as right is worse than no number.

export type Freshness = "OK" | "STALE" | "GAP" | "QUARANTINED" | "RECOVERING";

export const STATUS_NAMES = ["ok", "warning", "reduce-only", "liquidation", "bankrupt"] as const;
export type AccountStatusName = (typeof STATUS_NAMES)[number];
