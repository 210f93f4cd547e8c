// One account: its load line, its numbers, how they got there, its positions and balances.
import { useCallback, useMemo } from "preact/hooks";
import { Plot, type PlotLine } from "../chart/plot";
import {
  formatAmount,
  formatCompact,
  formatCount,
  formatFixed,
  formatPercent,
  formatPrice,
  formatQty,
  formatSigned,
  formatUsd,
} from "../format";
import { type AccountState, accountChannel, type Desk, positionsChannel } from "../state/desk";
import { byDistance, liquidationOffset } from "../state/positions";
import { OVERVIEW_HREF } from "../state/route";
import { engineTrust, FRESH, type Trust, worst } from "../state/trust";
import { type AccountRow, type PositionRow, positionKey } from "../wire/decode";
import { RANGES, type RangeName } from "../wire/history";
import { AlertList } from "./alerts";
import { Freshness, Panel, Scroll, StaleNote, StatusChip, signClass } from "./bits";
import { HullGauge } from "./gauge";
import { pure, useDesk } from "./hooks";
import { Ladder } from "./ladder";

const EQUITY_LINES: readonly PlotLine[] = [
  { label: "Equity", color: "--line-1", width: 2 },
  { label: "Initial margin", color: "--line-2", dash: [5, 4] },
  { label: "Maintenance margin", color: "--line-3" },
];

interface NumberProps {
  name: string;
  value: string;
  field: string;
  tone?: string;
  strong?: boolean;
}

function NumberCell({ name, value, field, tone, strong }: NumberProps) {
  return (
    <div class={strong === true ? "number number-strong" : "number"}>
      <dt>{name}</dt>
      <dd class={tone ?? "num"} data-field={field}>
        {value}
      </dd>
    </div>
  );
}

function Numbers({ risk }: { risk: AccountRow | null }) {
  return (
    <dl class="numbers">
      <NumberCell name="Equity, USD" value={formatUsd(risk?.equityUsd)} field="equity" strong />
      <NumberCell name="Maintenance margin, USD" value={formatUsd(risk?.maintenanceMarginUsd)} field="maintenance" strong />
      <NumberCell name="Margin ratio, worst pool" value={formatPercent(risk?.worstMarginRatio)} field="ratio" strong />
      <NumberCell name="Distance to liquidation" value={formatPercent(risk?.liquidationDistance)} field="distance" strong />
      <NumberCell name="Nearest instrument" value={risk?.nearestInstrument ?? "–"} field="nearest" tone="" />
      <NumberCell name="Available, USD" value={formatUsd(risk?.availableUsd)} field="available" />
      <NumberCell
        name="Unrealized PnL, USD"
        value={formatSigned(risk?.unrealizedPnlUsd, 2)}
        field="pnl"
        tone={signClass(risk?.unrealizedPnlUsd ?? null)}
      />
      <NumberCell name="Wallet, USD" value={formatUsd(risk?.walletBalanceUsd)} field="wallet" />
      <NumberCell name="Initial margin, USD" value={formatUsd(risk?.initialMarginUsd)} field="initial" />
      <NumberCell name="Order margin, USD" value={formatUsd(risk?.orderMarginUsd)} field="order-margin" />
      <NumberCell name="Margin ratio, all pools" value={formatPercent(risk?.marginRatio)} field="ratio-all" />
      <NumberCell name="Leverage" value={risk?.leverage == null ? "–" : `${formatFixed(risk.leverage, 2)}×`} field="leverage" />
      <NumberCell name="Gross exposure, USD" value={formatUsd(risk?.grossExposureUsd)} field="gross" />
      <NumberCell name="Net exposure, USD" value={formatUsd(risk?.netExposureUsd)} field="net" />
      <NumberCell name="Open orders" value={formatCount(risk?.openOrderCount)} field="orders" />
      <NumberCell
        name="Positions"
        value={
          risk === null
            ? "–"
            : `${formatCount(risk.positionCount)}${risk.unmarkedCount > 0 ? `, ${risk.unmarkedCount} without a mark` : ""}`
        }
        field="positions"
      />
    </dl>
  );
}

interface PositionProps {
  position: PositionRow;
  tickSize: number | null;
  lotSize: number | null;
}

const PositionLine = pure(function PositionLine({ position, tickSize, lotSize }: PositionProps) {
  const offset = liquidationOffset(position);
  return (
    <tr data-position={positionKey(position)}>
      <th scope="row" title={position.symbol}>
        {position.symbol}
        <span class="leg">
          {position.leg === "net" ? "" : `${position.leg} `}
          {position.mode}
        </span>
      </th>
      <td class={signClass(position.qty)} data-field="qty">
        {formatQty(position.qty, lotSize)}
      </td>
      <td class="num" data-field="entry">
        {formatPrice(position.entryPrice, tickSize)}
      </td>
      <td class="num strong" data-field="mark">
        {formatPrice(position.markPrice, tickSize)}
      </td>
      <td class="num strong" data-field="liquidation">
        {formatPrice(position.liquidationPrice, tickSize)}
      </td>
      <td class="num" data-field="offset">
        {offset === null ? "–" : `${formatSigned(offset * 100, 2)}%`}
      </td>
      <td class="num" data-field="bankruptcy">
        {formatPrice(position.bankruptcyPrice, tickSize)}
      </td>
      <td class={signClass(position.unrealizedPnl)} data-field="pnl">
        {formatMoney(position.unrealizedPnl, position.settle)}
      </td>
      <td class="num" data-field="notional">
        {formatMoney(position.notional, position.settle)}
      </td>
      <td class="num" data-field="initial">
        {formatMoney(position.initialMargin, position.settle)}
      </td>
      <td class="num" data-field="maintenance">
        {formatMoney(position.maintenanceMargin, position.settle)}
      </td>
      <td class="num" data-field="leverage">
        {position.leverage === null ? "–" : `${formatFixed(position.leverage, 1)}×`}
      </td>
      <td>{position.settle}</td>
    </tr>
  );
});

const DOLLARS = new Set(["USD", "USDT", "USDC", "EUR", "FDUSD", "DAI"]);

/** Cents for money like the dollar, what the value has, up to 8 decimals, for coins. */
function formatMoney(value: number, settle: string): string {
  return DOLLARS.has(settle) ? formatUsd(value) : formatAmount(value);
}

function PositionsTable({ desk, positions }: { desk: Desk; positions: readonly PositionRow[] | null }) {
  return (
    <Scroll label="Positions of the account">
      <table class="rows positions">
        <thead>
          <tr>
            <th scope="col">Instrument</th>
            <th scope="col" class="num">
              Quantity
            </th>
            <th scope="col" class="num">
              Entry
            </th>
            <th scope="col" class="num">
              Mark
            </th>
            <th scope="col" class="num">
              Liq. price
            </th>
            <th scope="col" class="num">
              <abbr title="Liquidation price seen from the mark">Liq. − mark</abbr>
            </th>
            <th scope="col" class="num">
              Bankruptcy
            </th>
            <th scope="col" class="num">
              uPnL
            </th>
            <th scope="col" class="num">
              Notional
            </th>
            <th scope="col" class="num">
              <abbr title="Initial margin">IM</abbr>
            </th>
            <th scope="col" class="num">
              <abbr title="Maintenance margin">MM</abbr>
            </th>
            <th scope="col" class="num">
              <abbr title="Leverage set for the position">Lev.</abbr>
            </th>
            <th scope="col">In</th>
          </tr>
        </thead>
        <tbody>
          {(positions ?? []).map((position) => {
            const instrument = desk.marks.get(position.symbol)?.instrument;
            return (
              <PositionLine
                key={positionKey(position)}
                position={position}
                tickSize={instrument?.tickSize ?? null}
                lotSize={instrument?.lotSize ?? null}
              />
            );
          })}
          {(positions === null || positions.length === 0) && (
            <tr>
              <td colSpan={13} class="empty">
                {positions === null ? "Waiting for the first update" : "No positions"}
              </td>
            </tr>
          )}
        </tbody>
      </table>
    </Scroll>
  );
}

function BalancesTable({ account }: { account: AccountState }) {
  const { value } = account.balances;
  return (
    <Scroll label="Balances of the account">
      <table class="rows">
        <thead>
          <tr>
            <th scope="col">Asset</th>
            <th scope="col" class="num">
              Wallet
            </th>
            <th scope="col" class="num">
              <abbr title="Deposits and transfers in, less those out">Transfers</abbr>
            </th>
          </tr>
        </thead>
        <tbody>
          {(value?.rows ?? []).map((balance) => (
            <tr key={balance.asset} data-balance={balance.asset}>
              <th scope="row">{balance.asset}</th>
              <td class="num">{formatAmount(balance.wallet)}</td>
              <td class="num">{formatAmount(balance.transfers)}</td>
            </tr>
          ))}
          {(value === null || value.rows.length === 0) && (
            <tr>
              <td colSpan={3} class="empty">
                {value === null ? "Waiting for the first answer" : "No balances"}
              </td>
            </tr>
          )}
        </tbody>
      </table>
    </Scroll>
  );
}

function accountTrust(desk: Desk, account: AccountState): Trust {
  const line = desk.trustOf(accountChannel(account.id), account.risk === null ? undefined : account.risk.freshness);
  return account.unavailable === null ? line : worst(desk.baseTrust(), { fresh: false, reason: account.unavailable });
}

function positionsTrust(desk: Desk, account: AccountState): Trust {
  const line = desk.trustOf(
    positionsChannel(account.id),
    account.positionsHead === null ? undefined : account.positionsHead.freshness,
  );
  return account.unavailable === null ? line : worst(desk.baseTrust(), { fresh: false, reason: account.unavailable });
}

/** Balances move with the ledger alone: as long as no later event was applied, they are as new as the account. */
function balancesAsOfMs(account: AccountState): number | null {
  const head = account.balances.value?.head ?? null;
  if (head === null || account.risk === null || head.offset === null) return head?.asOfMs ?? null;
  return head.offset >= account.risk.offset ? account.risk.asOfMs : head.asOfMs;
}

function balancesTrust(desk: Desk, account: AccountState): Trust {
  const { value, reason } = account.balances;
  if (reason !== null) return { fresh: false, reason };
  const behind = value !== null && account.risk !== null && value.head.offset !== null && account.risk.offset > value.head.offset;
  return worst(
    accountTrust(desk, account),
    value === null ? FRESH : engineTrust(value.head.freshness),
    behind ? { fresh: false, reason: "older than the account" } : FRESH,
  );
}

const CHOICES: readonly [RangeName | null, string][] = [
  [null, "Live"],
  ...Object.entries(RANGES).map(([name, { label }]): [RangeName, string] => [name as RangeName, label]),
];

/** The chart, live or with the past from the database in front of it. */
function ChartPanel({ account, trust }: { account: AccountState; trust: Trust }) {
  const desk = useDesk("account", "platform");
  const { past } = account;
  // An engine without a database has no past to show; where its state is unknown, asking tells.
  const withoutStore = desk.platform?.store.state === "off";
  const series = past?.state === "loaded" ? past.series : account.series;
  const range = past === null ? null : past.range;
  return (
    <Panel
      id="account-chart"
      title="Equity and margin"
      trust={trust}
      tools={
        <>
          {past?.state === "loading" && <span class="hint">loading</span>}
          {past?.state === "failed" && <StaleNote reason={`no history: ${past.reason}`} />}
          {past?.state === "loaded" && past.series.length === 0 && <span class="hint">nothing recorded yet</span>}
          <fieldset class="choices">
            <legend class="visually-hidden">Time shown</legend>
            {CHOICES.map(([name, label]) => (
              <button
                key={label}
                type="button"
                aria-pressed={name === range}
                disabled={name !== null && withoutStore}
                title={name !== null && withoutStore ? "This engine runs without a database" : undefined}
                onClick={() => void desk.showPast(name)}
              >
                {label}
              </button>
            ))}
          </fieldset>
        </>
      }
    >
      <Plot
        label="Equity, initial margin and maintenance margin in USD, by event time; the newest values are in the table above"
        series={series}
        topic="account"
        heightPx={250}
        axes
        fromZero={false}
        windowSeconds={past?.state === "loaded" ? RANGES[past.range].spanMs / 1000 : undefined}
        format={formatUsd}
        formatAxis={(value) =>
          Math.abs(value) >= 1e6 ? formatCompact(value) : formatFixed(value, Math.abs(value) >= 100 ? 0 : 2)
        }
        lines={EQUITY_LINES}
      />
    </Panel>
  );
}

export function AccountView({ account }: { account: AccountState }) {
  const desk = useDesk("account", "clock", "connection", "catalog");
  const { risk } = account;
  const trust = accountTrust(desk, account);
  const positions = useMemo(() => (account.positions === null ? null : byDistance(account.positions)), [account.positions]);
  const held = useMemo(() => (positions ?? []).filter((position) => position.qty !== 0), [positions]);
  const tickOf = useCallback((symbol: string) => desk.marks.get(symbol)?.instrument.tickSize ?? null, [desk, desk.catalog]);
  const positionTrust = positionsTrust(desk, account);
  return (
    <>
      <section
        class={trust.fresh ? "panel account-head" : "panel account-head is-stale"}
        aria-labelledby="account-title"
        id="account"
      >
        <div class="panel-head">
          <a class="back" href={OVERVIEW_HREF}>
            ← All accounts
          </a>
          <h1 id="account-title">
            Account <span data-field="id">{account.id}</span>
          </h1>
          {risk !== null && <StatusChip status={risk.status} />}
          <Freshness trust={trust} asOfMs={risk?.asOfMs} />
          <span class="hint">{risk === null ? "" : `partition ${risk.partition}, offset ${formatCount(risk.offset)}`}</span>
        </div>
        <div class="account-body">
          <HullGauge ratio={risk?.worstMarginRatio ?? null} status={risk?.status ?? "unknown"} />
          <Numbers risk={risk} />
        </div>
      </section>
      <div class="account-grid">
        <ChartPanel account={account} trust={trust} />
        <Panel id="account-ladder" title="Marks against liquidation" trust={positionTrust}>
          <Ladder positions={held} tickOf={tickOf} />
        </Panel>
      </div>
      <Panel id="account-positions" title="Positions" trust={positionTrust} asOfMs={account.positionsHead?.asOfMs}>
        <PositionsTable desk={desk} positions={positions} />
      </Panel>
      <div class="account-grid">
        <Panel id="account-balances" title="Balances" trust={balancesTrust(desk, account)} asOfMs={balancesAsOfMs(account)}>
          <BalancesTable account={account} />
        </Panel>
        <Panel id="account-alerts" title="Alerts of this account" trust={desk.baseTrust()}>
          <AlertList alerts={account.alerts.alerts} empty="No alerts since the engine started" />
        </Panel>
      </div>
    </>
  );
}
