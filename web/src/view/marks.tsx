// The marks of the instruments. Only the rows on the page are subscribed to; each row renders by itself when its own
// instrument moved.
import { useEffect, useMemo, useState } from "preact/hooks";
import { Spark } from "../chart/spark";
import { formatFixed, formatPrice, formatQty, formatTime } from "../format";
import { marketChannel } from "../state/desk";
import type { Trust } from "../state/trust";
import { FRESH } from "../state/trust";
import type { InstrumentRow } from "../wire/decode";
import { Panel, RowNote, Scroll, StaleNote } from "./bits";
import { pure, useDesk } from "./hooks";

/** An engine gives a connection 200 channels; the rest of the page needs a few of them. */
const ROWS_FIRST = 24;
const ROWS_MORE = 48;
const ROWS_MAX = 168;

function newestMs(row: InstrumentRow): number | null {
  let newest: number | null = null;
  for (const time of [row.markTimeMs, row.quoteTimeMs, row.lastTradeTimeMs]) {
    if (time !== null && (newest === null || time > newest)) newest = time;
  }
  return newest;
}

/** Per cent with four decimals: funding is a small number. */
function formatFunding(rate: number | null): string {
  return rate === null ? "–" : `${rate > 0 ? "+" : ""}${formatFixed(rate * 100, 4)}%`;
}

const MarkRow = pure(function MarkRow({ symbol, lineReason }: { symbol: string; lineReason: string | null }) {
  const topic = `mark:${symbol}`;
  const desk = useDesk(topic, "connection");
  const mark = desk.marks.get(symbol);
  if (mark === undefined) return null;
  const { instrument } = mark;
  const trust: Trust =
    lineReason !== null ? { fresh: false, reason: lineReason } : desk.trustOf(marketChannel(symbol), instrument.freshness);
  const tick = instrument.tickSize;
  const moved = mark.direction === "none" || !trust.fresh ? "" : ` ${mark.direction}`;
  return (
    <tr class={trust.fresh ? undefined : "is-stale"} data-symbol={symbol}>
      <th scope="row" title={symbol}>
        {symbol}
        <RowNote freshness={instrument.freshness} />
      </th>
      <td class={`num strong mark${moved}`} data-field="mark">
        {formatPrice(instrument.mark, tick)}
      </td>
      <td class="spark-cell">
        <Spark series={mark.series} topic={topic} />
      </td>
      <td class="num" data-field="bid">
        {formatPrice(instrument.bid, tick)}
      </td>
      <td class="num" data-field="ask">
        {formatPrice(instrument.ask, tick)}
      </td>
      <td class="num" data-field="index">
        {formatPrice(instrument.index, tick)}
      </td>
      <td class="num" data-field="funding">
        {instrument.kind === "option"
          ? instrument.iv === null
            ? "–"
            : `iv ${formatFixed(instrument.iv * 100, 1)}%`
          : formatFunding(instrument.fundingRate)}
      </td>
      <td class="num" data-field="last">
        {formatPrice(instrument.lastPrice, tick)}
        <span class="last-qty">
          {instrument.lastQty === null
            ? ""
            : ` × ${formatQty(instrument.lastQty, instrument.lotSize)} ${instrument.lastSide ?? ""}`}
        </span>
      </td>
      <td class="fresh-cell" data-field="freshness">
        {trust.fresh ? formatTime(newestMs(instrument)) : <StaleNote reason={trust.reason} />}
      </td>
    </tr>
  );
});

export function MarksPanel() {
  const desk = useDesk("catalog", "clock", "connection");
  const [filter, setFilter] = useState("");
  const [limit, setLimit] = useState(ROWS_FIRST);
  const catalog = desk.catalog.value;
  const matching = useMemo(() => {
    const wanted = filter.trim().toUpperCase();
    const symbols = catalog === null ? [] : [...catalog.keys()];
    return wanted === "" ? symbols : symbols.filter((symbol) => symbol.toUpperCase().includes(wanted));
  }, [catalog, filter]);
  const shown = useMemo(() => matching.slice(0, limit), [matching, limit]);
  useEffect(() => desk.showSymbols(shown), [desk, shown]);
  useEffect(() => () => desk.showSymbols([]), [desk]);
  const line = desk.baseTrust();
  const trust: Trust = !line.fresh ? line : desk.catalog.reason !== null ? { fresh: false, reason: desk.catalog.reason } : FRESH;
  const more = Math.min(matching.length, ROWS_MAX) - shown.length;
  return (
    <Panel
      id="marks"
      title="Marks"
      trust={trust}
      tools={
        <>
          <label class="visually-hidden" for="marks-filter">
            Filter instruments
          </label>
          <input
            id="marks-filter"
            type="search"
            autocomplete="off"
            spellcheck={false}
            placeholder="Filter"
            value={filter}
            onInput={(event) => setFilter(event.currentTarget.value)}
          />
          <span class="hint">
            {shown.length} of {matching.length}
          </span>
        </>
      }
    >
      <Scroll label="Marks of the instruments">
        <table class="rows marks">
          <thead>
            <tr>
              <th scope="col">Instrument</th>
              <th scope="col" class="num">
                Mark
              </th>
              <th scope="col">Five minutes</th>
              <th scope="col" class="num">
                Bid
              </th>
              <th scope="col" class="num">
                Ask
              </th>
              <th scope="col" class="num">
                Index
              </th>
              <th scope="col" class="num">
                Funding
              </th>
              <th scope="col" class="num">
                Last trade
              </th>
              <th scope="col">As of, UTC</th>
            </tr>
          </thead>
          <tbody>
            {shown.map((symbol) => (
              <MarkRow key={symbol} symbol={symbol} lineReason={line.reason} />
            ))}
            {shown.length === 0 && (
              <tr>
                <td colSpan={9} class="empty">
                  {catalog === null
                    ? "Waiting for the list of instruments"
                    : filter === ""
                      ? "No instruments yet"
                      : "Nothing matches"}
                </td>
              </tr>
            )}
          </tbody>
        </table>
      </Scroll>
      {more > 0 && (
        <button type="button" class="more" onClick={() => setLimit((before) => Math.min(ROWS_MAX, before + ROWS_MORE))}>
          Show {Math.min(more, ROWS_MORE)} more
        </button>
      )}
    </Panel>
  );
}
