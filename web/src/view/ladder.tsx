// The ladder's place on the page: a canvas that is drawn again when positions, width or theme changed.
import { useEffect, useRef, useState } from "preact/hooks";
import { drawLadder, ladderLabel } from "../chart/ladder";
import { onThemeChange } from "../chart/theme";
import type { PositionRow } from "../wire/decode";

interface LadderProps {
  positions: readonly PositionRow[];
  tickOf(symbol: string): number | null;
}

export function Ladder({ positions, tickOf }: LadderProps) {
  const place = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [widthPx, setWidthPx] = useState(0);
  const [theme, setTheme] = useState(0);

  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    const resized = new ResizeObserver((entries) => setWidthPx(Math.floor(entries.at(-1)?.contentRect.width ?? 0)));
    resized.observe(element);
    const endTheme = onThemeChange(() => setTheme((count) => count + 1));
    return () => {
      resized.disconnect();
      endTheme();
    };
  }, []);

  useEffect(() => {
    if (canvas.current !== null && widthPx >= 80) drawLadder(canvas.current, widthPx, positions, tickOf);
  }, [positions, tickOf, widthPx, theme]);

  return (
    <div class="ladder" ref={place}>
      <canvas ref={canvas} role="img" aria-label={ladderLabel(positions)} />
      <ul class="ladder-key" aria-hidden="true">
        <li class="key-mark">mark</li>
        <li class="key-liquidation">liquidation</li>
        <li class="key-bankruptcy">bankruptcy</li>
        <li class="key-entry">entry</li>
      </ul>
    </div>
  );
}
