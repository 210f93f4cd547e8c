// How the engine itself is doing: rates, lag, rings, latency, what was refused, and the store behind it.
import type { ComponentChildren } from "preact";
import { Plot } from "../chart/plot";
import { formatBytes, formatCompact, formatCount, formatDateTime, formatLatency, formatPercent } from "../format";
import { type RingFill, type ShardView, sumOf } from "../wire/platform";
import { Panel } from "./bits";
import { useDesk } from "./hooks";

/** Seconds that the sparklines show. */
const WINDOW_SECONDS = 300;
const SPARK_PX = 60;

interface TileProps {
  title: string;
  children: ComponentChildren;
  wide?: boolean;
}

function Tile({ title, children, wide }: TileProps) {
  return (
    <div class={wide === true ? "tile tile-wide" : "tile"}>
      <h3>{title}</h3>
      {children}
    </div>
  );
}

interface FigureProps {
  name: string;
  value: string;
  testid?: string;
  /** Something the operator should look at. */
  alarm?: boolean;
  swatch?: string;
}

function Figure({ name, value, testid, alarm, swatch }: FigureProps) {
  return (
    <div class={alarm === true ? "figure is-alarm" : "figure"}>
      <dt>
        {swatch !== undefined && <span class={`swatch swatch-${swatch}`} aria-hidden="true" />}
        {name}
      </dt>
      <dd data-testid={testid}>{value}</dd>
    </div>
  );
}

function fraction(ring: RingFill | null): number {
  return ring === null ? 0 : Math.min(1, Math.max(0, ring.used / ring.capacity));
}

function RingBar({ name, ring }: { name: string; ring: RingFill | null }) {
  const fill = fraction(ring);
  const words =
    ring === null ? "unknown" : `${formatCount(ring.used)} of ${formatCount(ring.capacity)} (${formatPercent(fill, 1)})`;
  return (
    <span class="ring" title={`${name} ring: ${words}`}>
      <svg class={fill >= 0.8 ? "ring-bar is-full" : "ring-bar"} viewBox="0 0 60 8" preserveAspectRatio="none" aria-hidden="true">
        <rect class="ring-room" x="0" y="0" width="60" height="8" />
        <rect class="ring-used" x="0" y="0" width={fill > 0 ? Math.max(1, fill * 60) : 0} height="8" />
      </svg>
      <span class="visually-hidden">{words}</span>
    </span>
  );
}

function ShardRow({ shard }: { shard: ShardView }) {
  return (
    <tr class={shard.state === "running" ? undefined : "is-stale"}>
      <th scope="row">{shard.partition}</th>
      <td>{shard.state}</td>
      <td>
        <RingBar name="input" ring={shard.inputRing} />
      </td>
      <td>
        <RingBar name="fill" ring={shard.fillRing} />
      </td>
      <td>
        <RingBar name="alert" ring={shard.alertRing} />
      </td>
      <td class="num">{formatCount(shard.accounts)}</td>
      <td class="num">{formatLatency(shard.latency?.p99)}</td>
    </tr>
  );
}

export function EnginePanel() {
  const desk = useDesk("platform", "clock", "connection");
  const { platform } = desk;
  const store = platform?.store;
  const storeAway = store !== undefined && ["away", "draining", "blocked"].includes(store.state);
  const events = sumOf(platform?.accountEventsPerSecond ?? null, platform?.marketEventsPerSecond ?? null);
  return (
    <Panel id="engine" title="Engine" trust={desk.streamTrust()} asOfMs={platform?.nowMs}>
      <div class="tiles">
        <Tile title="Throughput">
          <Plot
            label="Messages and events per second, last five minutes"
            series={desk.throughput}
            topic="platform"
            heightPx={SPARK_PX}
            windowSeconds={WINDOW_SECONDS}
            format={formatCompact}
            lines={[
              { label: "messages/s", color: "--line-2" },
              { label: "events/s", color: "--line-1", fill: "--line-1-fill" },
            ]}
          />
          <dl class="figures">
            <Figure name="events/s" value={formatCompact(events)} testid="events-rate" swatch="1" />
            <Figure name="messages/s" value={formatCompact(platform?.messagesPerSecond)} testid="messages-rate" swatch="2" />
            <Figure name="valuations/s" value={formatCompact(platform?.valuationsPerSecond)} />
          </dl>
        </Tile>
        <Tile title="Latency, event to row">
          <Plot
            label="Latency percentiles, last five minutes"
            series={desk.latency}
            topic="platform"
            heightPx={SPARK_PX}
            windowSeconds={WINDOW_SECONDS}
            logarithmic
            format={(micros) => formatLatency(micros * 1000)}
            lines={[
              { label: "p99.9", color: "--line-3" },
              { label: "p99", color: "--line-2" },
              { label: "p50", color: "--line-1" },
            ]}
          />
          <dl class="figures">
            <Figure name="p50" value={formatLatency(platform?.latency?.p50)} testid="latency-p50" swatch="1" />
            <Figure name="p99" value={formatLatency(platform?.latency?.p99)} testid="latency-p99" swatch="2" />
            <Figure name="p99.9" value={formatLatency(platform?.latency?.p999)} testid="latency-p999" swatch="3" />
          </dl>
        </Tile>
        <Tile title="Consumer">
          <Plot
            label="Consumer lag in messages, last five minutes"
            series={desk.lag}
            topic="platform"
            heightPx={SPARK_PX}
            windowSeconds={WINDOW_SECONDS}
            format={formatCompact}
            lines={[{ label: "lag", color: "--line-1", fill: "--line-1-fill" }]}
          />
          <dl class="figures">
            <Figure name="lag, messages" value={formatCompact(platform?.lagMessages)} testid="lag" />
            <Figure
              name="dead letters"
              value={formatCount(platform?.deadLetters)}
              testid="dead-letters"
              alarm={(platform?.deadLetters ?? 0) > 0}
            />
            <Figure name="paused" value={formatCount(platform?.pausedPartitions)} />
          </dl>
        </Tile>
        <Tile title="Store">
          <Plot
            label="Rows written per second, last five minutes"
            series={desk.rows}
            topic="platform"
            heightPx={SPARK_PX}
            windowSeconds={WINDOW_SECONDS}
            format={formatCompact}
            lines={[{ label: "rows/s", color: "--line-1", fill: "--line-1-fill" }]}
          />
          <dl class="figures">
            <Figure
              name={store?.state ?? "–"}
              value={`${formatCompact(platform?.rowsPerSecond)} rows/s`}
              testid="store"
              alarm={storeAway}
            />
            <Figure name="queue" value={formatCompact(store?.rowsQueued)} testid="store-queue" />
            <Figure
              name={(store?.rowsDropped ?? 0) > 0 ? "dropped" : "spill"}
              value={(store?.rowsDropped ?? 0) > 0 ? formatCount(store?.rowsDropped) : formatBytes(store?.spillBytes)}
              testid="store-spill"
              alarm={(store?.rowsDropped ?? 0) > 0 || (store?.spillBytes ?? 0) > 0}
            />
          </dl>
          <p class="visually-hidden">Last write {formatDateTime(store?.lastWriteMs)}</p>
        </Tile>
        <Tile title="Book">
          <dl class="figures figures-tall">
            <Figure name="accounts" value={formatCount(platform?.accounts)} testid="accounts" />
            <Figure name="positions" value={formatCount(platform?.positions)} testid="positions" />
            <Figure name="open orders" value={formatCount(platform?.openOrders)} />
            <Figure name="gaps" value={formatCount(platform?.gaps)} testid="gaps" alarm={(platform?.gaps ?? 0) > 0} />
            <Figure name="rejected" value={formatCount(platform?.rejected)} alarm={(platform?.rejected ?? 0) > 0} />
            <Figure name="clients" value={formatCount(platform?.clients)} />
          </dl>
        </Tile>
        <Tile title="Shards" wide>
          <div class="shards">
            <table>
              <thead>
                <tr>
                  <th scope="col">#</th>
                  <th scope="col">State</th>
                  <th scope="col">Input ring</th>
                  <th scope="col">Fill ring</th>
                  <th scope="col">Alert ring</th>
                  <th scope="col" class="num">
                    Accounts
                  </th>
                  <th scope="col" class="num">
                    p99
                  </th>
                </tr>
              </thead>
              <tbody>
                {(platform?.shards ?? []).map((shard) => (
                  <ShardRow key={shard.partition} shard={shard} />
                ))}
              </tbody>
            </table>
          </div>
        </Tile>
      </div>
    </Panel>
  );
}
