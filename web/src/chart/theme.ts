// Colours for what is drawn on a canvas, from the custom properties of the style sheet, so that there is one palette.

/** The value of a custom property now; canvases ask again whenever they draw, so a change of theme needs no more than a redraw. */
export function themeColor(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim() || "#888";
}

export const CHART_FONT = '11px "Helvetica Neue", Arial, sans-serif';

/** Calls back whenever the theme or the density of the screen changes; what it returns ends that. */
export function onThemeChange(callback: () => void): () => void {
  const query = matchMedia("(prefers-color-scheme: dark)");
  query.addEventListener("change", callback);
  return () => query.removeEventListener("change", callback);
}
