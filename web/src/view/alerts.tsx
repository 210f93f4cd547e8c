// Alerts, newest first, and the one sentence a screen reader hears of them.
import { formatPercent, formatTime, formatUsd } from "../format";
import { ALERTS } from "../state/desk";
import { accountHref } from "../state/route";
import { engineTrust } from "../state/trust";
import type { AlertRow } from "../wire/decode";
import { Panel, StaleNote, StatusChip } from "./bits";
import { pure, useDesk } from "./hooks";

const SHOWN = 60;

const AlertItem = pure(function AlertItem({ alert }: { alert: AlertRow }) {
  const trust = engineTrust(alert.freshness);
  return (
    <li class={trust.fresh ? "alert" : "alert is-stale"} data-alert={alert.key}>
      <time class="alert-time">{formatTime(alert.timeMs)}</time>
      <a href={accountHref(alert.accountId)}>{alert.accountId}</a>
      <span class="alert-change">
        <span class="alert-from">{alert.fromStatus} →</span> <StatusChip status={alert.toStatus} />
      </span>
      <span class="alert-detail">
        {alert.instrument !== null && <span class="alert-symbol">{alert.instrument}</span>}
        <span>
          equity <span class="num">{formatUsd(alert.equityUsd)}</span>
        </span>
        <span>
          ratio, worst pool <span class="num">{formatPercent(alert.worstMarginRatio, 1)}</span>
        </span>
        <StaleNote reason={trust.reason} />
      </span>
    </li>
  );
});

export function AlertList({ alerts, empty }: { alerts: readonly AlertRow[]; empty: string }) {
  if (alerts.length === 0) return <p class="empty">{empty}</p>;
  return (
    <ol class="alerts">
      {alerts.slice(0, SHOWN).map((alert) => (
        <AlertItem key={alert.key} alert={alert} />
      ))}
    </ol>
  );
}

export function AlertsPanel() {
  const desk = useDesk("alerts", "clock", "connection");
  const { alerts, missed } = desk.alerts;
  return (
    <Panel
      id="alerts"
      title="Alerts"
      trust={desk.trustOf(ALERTS)}
      tools={missed > 0 ? <span class="hint">{missed} not shown here; they are in the database</span> : undefined}
    >
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
      <section class="scroll scroll-alerts" aria-label="Latest alerts" tabIndex={0}>
        <AlertList alerts={alerts} empty="No alerts" />
      </section>
    </Panel>
  );
}

/** Outside the panels, so that it lives in every view. */
export function SpokenAlerts() {
  const desk = useDesk("spoken");
  return (
    <p class="visually-hidden" role="log" aria-live="polite" aria-label="New alerts" data-testid="spoken-alerts">
      {desk.spoken}
    </p>
  );
}
