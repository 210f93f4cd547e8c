// The load line. A ship may lie in the water up to the mark on her side; an account may use its equity as margin up to 100 %.
// The water is the margin ratio of its worst pool, the disc with the line where its liquidation price lies; the status turns to
// liquidation a little before, at equity = 1.05 × maintenance margin.
import { formatPercent } from "../format";
import { pure } from "./hooks";

/** Ratios above this are drawn here: what is under water is under water. */
const RATIO_SHOWN_MAX = 1.25;

function shown({ ratio, status }: GaugeProps): number {
  // Without equity there is no ratio: nothing of her is above water.
  if (ratio === null) return status === "bankrupt" ? RATIO_SHOWN_MAX : 0;
  return Math.min(Math.max(ratio, 0), RATIO_SHOWN_MAX);
}

interface GaugeProps {
  ratio: number | null;
  status: string;
}

/** One line of a table: the water comes from the left, the load line stands at 100 %. */
export const RowGauge = pure(function RowGauge({ ratio, status }: GaugeProps) {
  return (
    <svg class={`row-gauge water-${status}`} viewBox="0 0 130 18" width="130" height="18" aria-hidden="true">
      <rect class="gauge-hull" x="0.5" y="4.5" width="129" height="9" rx="2" />
      <rect class="gauge-water" x="1" y="5" width={(shown({ ratio, status }) * 128) / RATIO_SHOWN_MAX} height="8" rx="1.5" />
      <path class="gauge-tick" d="M26.5 10.5v3M52 10.5v3M77.5 10.5v3" />
      <path class="gauge-line" d="M103.5 0.5v17" />
      <circle class="gauge-disc" cx="103.5" cy="9" r="5" />
    </svg>
  );
});

const TOP_Y = 18;
const BOTTOM_Y = 218;
/** y of a ratio: 0 at the keel, RATIO_SHOWN_MAX at the deck. */
function levelY(ratio: number): number {
  return BOTTOM_Y - ((BOTTOM_Y - TOP_Y) * ratio) / RATIO_SHOWN_MAX;
}

const DRAFTS = [0, 0.2, 0.4, 0.6, 0.8, 1, 1.2];
const HULL = "M44 18H206L200 196Q198 218 176 218H74Q52 218 50 196Z";

/** The side of the hull, with draught marks, for one account. */
export const HullGauge = pure(function HullGauge({ ratio, status }: GaugeProps) {
  const waterY = levelY(shown({ ratio, status }));
  const lineY = levelY(1);
  const label =
    ratio === null ? "Margin ratio: none" : `Margin ratio ${formatPercent(ratio)}; the liquidation price lies at 100%`;
  return (
    <svg class={`hull-gauge water-${status}`} viewBox="0 0 220 232" role="img" aria-label={label}>
      <clipPath id="hull-side">
        <path d={HULL} />
      </clipPath>
      <path class="gauge-hull" d={HULL} />
      <g clip-path="url(#hull-side)">
        <rect class="gauge-water" x="40" y={waterY} width="170" height={BOTTOM_Y - waterY} />
      </g>
      <path class="gauge-surface" d={`M10 ${waterY}H214`} />
      {DRAFTS.map((draft) => (
        <g key={draft}>
          <path class="gauge-tick" d={`M34 ${levelY(draft)}h${draft === 1 ? 0 : 6}`} />
          <text class="gauge-draft" x="30" y={levelY(draft) + 3.5} text-anchor="end">
            {Math.round(draft * 100)}
          </text>
        </g>
      ))}
      <path class="gauge-deck" d="M104 26h42" />
      <circle class="gauge-disc" cx="125" cy={lineY} r="19" />
      <path class="gauge-line" d={`M92 ${lineY}h66`} />
      <text class="gauge-letter" x="97" y={lineY - 6} text-anchor="middle">
        P
      </text>
      <text class="gauge-letter" x="153" y={lineY - 6} text-anchor="middle">
        L
      </text>
    </svg>
  );
});
