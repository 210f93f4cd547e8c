// Small parts that every panel uses: status chips, the note that says how far numbers may be trusted, panels.
import type { ComponentChildren } from "preact";
import { formatTime } from "../format";
import type { Trust } from "../state/trust";

const STATUS_LABELS: Readonly<Record<string, string>> = {
  ok: "OK",
  warning: "Warning",
  "reduce-only": "Reduce only",
  liquidation: "Liquidation",
  bankrupt: "Bankrupt",
};

/** An account's status in words; the colour only repeats them. A status this page does not know is shown as it came. */
export function StatusChip({ status }: { status: string }) {
  const known = Object.hasOwn(STATUS_LABELS, status);
  return <span class={`chip chip-${known ? status : "unknown"}`}>{known ? STATUS_LABELS[status] : status}</span>;
}

/** Why something is grey. Nothing where it is not. */
export function StaleNote({ reason }: { reason: string | null }) {
  return reason === null ? null : <span class="stale-note">{reason}</span>;
}

/** The engine's word for it, beside a row's name, where a narrow screen hides the column with the reason. */
export function RowNote({ freshness }: { freshness: string }) {
  return freshness === "OK" ? null : <span class="row-note">{freshness.toLowerCase()}</span>;
}

/** "as of 07:51:36.042" where fresh, the reason in its place where not. */
export function Freshness({ trust, asOfMs }: { trust: Trust; asOfMs?: number | null }) {
  if (!trust.fresh) return <StaleNote reason={trust.reason} />;
  return asOfMs === undefined || asOfMs === null ? null : <span class="as-of">as of {formatTime(asOfMs)}</span>;
}

interface PanelProps {
  id: string;
  title: string;
  trust: Trust;
  asOfMs?: number | null;
  /** Beside the title. */
  tools?: ComponentChildren;
  children: ComponentChildren;
}

/** A titled region; grey, with the reason, as long as its numbers may not be believed. */
export function Panel({ id, title, trust, asOfMs, tools, children }: PanelProps) {
  return (
    <section class={trust.fresh ? "panel" : "panel is-stale"} aria-labelledby={`${id}-title`} id={id}>
      <div class="panel-head">
        <h2 id={`${id}-title`}>{title}</h2>
        <Freshness trust={trust} asOfMs={asOfMs} />
        <div class="panel-tools">{tools}</div>
      </div>
      {children}
    </section>
  );
}

/** A wide table scrolls inside its panel, also by keyboard. */
export function Scroll({ label, children }: { label: string; children: ComponentChildren }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
    <section class="scroll" aria-label={label} tabIndex={0}>
      {children}
    </section>
  );
}

/** Above zero, below zero, neither: for the colour of profit and loss, which also carry their sign. */
export function signClass(value: number | null): string {
  return value === null || value === 0 ? "num" : value > 0 ? "num pos" : "num neg";
}
