// The accounts nearest to liquidation. Rows are keyed by account; while someone points at the table or has the focus in it,
// the order stands still, and only the numbers move.
import { useRef, useState } from "preact/hooks";
import { formatPercent, formatTime, formatUsd } from "../format";
import { TOP } from "../state/desk";
import { heldOrder } from "../state/hold";
import { accountHref } from "../state/route";
import { engineTrust } from "../state/trust";
import type { AccountRow } from "../wire/decode";
import { Panel, RowNote, Scroll, StaleNote, StatusChip, signClass } from "./bits";
import { RowGauge } from "./gauge";
import { pure, useDesk } from "./hooks";

interface RowProps {
  account: AccountRow;
}

function open(event: MouseEvent, accountId: string): void {
  // Selecting text is not a click, and the link does its own work.
  if (event.target instanceof Element && event.target.closest("a") !== null) return;
  if ((getSelection()?.toString() ?? "") !== "") return;
  location.hash = accountHref(accountId);
}

const TopRow = pure(function TopRow({ account }: RowProps) {
  const trust = engineTrust(account.freshness);
  return (
    <tr
      class={trust.fresh ? "row-link" : "row-link is-stale"}
      data-account={account.id}
      onClick={(event) => open(event, account.id)}
    >
      <th scope="row">
        <a href={accountHref(account.id)}>{account.id}</a>
        <RowNote freshness={account.freshness} />
      </th>
      <td>
        <StatusChip status={account.status} />
      </td>
      <td class="num strong" data-field="distance">
        {formatPercent(account.liquidationDistance)}
      </td>
      <td class="ratio">
        <RowGauge ratio={account.worstMarginRatio} status={account.status} />
        <span class="num" data-field="ratio">
          {formatPercent(account.worstMarginRatio)}
        </span>
      </td>
      <td data-field="nearest">{account.nearestInstrument ?? "–"}</td>
      <td class="num" data-field="equity">
        {formatUsd(account.equityUsd)}
      </td>
      <td class="num" data-field="maintenance">
        {formatUsd(account.maintenanceMarginUsd)}
      </td>
      <td class={signClass(account.unrealizedPnlUsd)} data-field="pnl">
        {formatUsd(account.unrealizedPnlUsd)}
      </td>
      <td class="fresh-cell" data-field="freshness">
        {trust.fresh ? formatTime(account.asOfMs) : <StaleNote reason={trust.reason} />}
      </td>
    </tr>
  );
});

export function TopPanel() {
  const desk = useDesk("top", "clock", "connection");
  const [held, setHeld] = useState({ pointer: false, focus: false });
  const order = useRef<readonly string[]>([]);
  const rows = new Map((desk.top ?? []).map((account) => [account.id, account]));
  const holding = held.pointer || held.focus;
  order.current = heldOrder(order.current, [...rows.keys()], holding);
  return (
    <Panel
      id="top"
      title="Nearest to liquidation"
      trust={desk.trustOf(TOP)}
      tools={holding ? <span class="hint">order held</span> : undefined}
    >
      <Scroll label="Accounts nearest to liquidation">
        <table class="rows">
          <thead>
            <tr>
              <th scope="col">Account</th>
              <th scope="col">Status</th>
              <th scope="col" class="num">
                <abbr title="Smallest distance of a position's mark to its liquidation price">Distance</abbr>
              </th>
              <th scope="col">
                <abbr title="Maintenance margin ÷ equity of the worst pool; the disc marks 100 %, the liquidation price. The status is liquidation from 95.2 %">
                  Margin ratio
                </abbr>
              </th>
              <th scope="col">Nearest</th>
              <th scope="col" class="num">
                Equity, USD
              </th>
              <th scope="col" class="num">
                Maint. margin, USD
              </th>
              <th scope="col" class="num">
                uPnL, USD
              </th>
              <th scope="col">As of, UTC</th>
            </tr>
          </thead>
          <tbody
            onPointerEnter={() => setHeld((before) => ({ ...before, pointer: true }))}
            onPointerLeave={() => setHeld((before) => ({ ...before, pointer: false }))}
            onFocusIn={() => setHeld((before) => ({ ...before, focus: true }))}
            onFocusOut={() => setHeld((before) => ({ ...before, focus: false }))}
          >
            {order.current.map((id) => {
              const account = rows.get(id);
              return account === undefined ? null : <TopRow key={id} account={account} />;
            })}
            {rows.size === 0 && (
              <tr>
                <td colSpan={9} class="empty">
                  {desk.top === null ? "Waiting for the first update" : "No account has a liquidation price"}
                </td>
              </tr>
            )}
          </tbody>
        </table>
      </Scroll>
    </Panel>
  );
}
