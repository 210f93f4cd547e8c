// /metrics, in Prometheus' base units (seconds, bytes, totals). Nothing is counted here but requests of this thread:
// values are read from shared counters when somebody scrapes. No label names an account.
import { Counter, collectDefaultMetrics, Histogram, type Metric, Registry } from "prom-client";
import { STATUS_NAMES } from "../../shared/freshness";
import { STORE_STATES, type StatName, type StatsWriter } from "../../shared/stats";
import { latencyBucketNs } from "../../shared/views/latency";
import type { ShardStatus } from "../../shared/views/types";
import type { ApiContext } from "../context";
import type { HubCounters } from "../stream/hub";

interface Sample {
  value: number;
  labels: Record<string, string>;
  /** Where it is not the metric's own name: `_bucket`, `_sum`, `_count`. */
  metricName?: string;
}

type MetricType = "counter" | "gauge" | "histogram";

/** A metric that has no state of its own: asked at scrape time. */
class ReadAtScrape {
  readonly aggregator = "sum";
  constructor(
    readonly name: string,
    readonly help: string,
    readonly type: MetricType,
    private readonly read: () => Sample[],
  ) {}

  async get(): Promise<object> {
    const values = this.read().filter((sample) => Number.isFinite(sample.value));
    return { name: this.name, help: this.help, type: this.type, aggregator: this.aggregator, values };
  }

  reset(): void {}
}

const STAT_METRICS: readonly [StatName, string, MetricType, string][] = [
  ["ingest.messages", "ingest_messages_total", "counter", "Kafka messages read"],
  ["ingest.bytes", "ingest_bytes_total", "counter", "Payload bytes read from Kafka"],
  ["ingest.accountEvents", "ingest_account_events_total", "counter", "Account events handed to shards"],
  ["ingest.marketEvents", "ingest_market_events_total", "counter", "Market events written to the market table"],
  ["ingest.referenceEvents", "ingest_reference_events_total", "counter", "Reference data events applied"],
  ["ingest.deadLetters", "ingest_dead_letters_total", "counter", "Messages refused and kept in dead-letter"],
  ["ingest.pausedPartitions", "ingest_paused_partitions", "gauge", "Partitions held back because a ring is full"],
  ["ingest.ringFullWaits", "ingest_ring_full_waits_total", "counter", "Times a ring had no room"],
  ["ingest.lagMessages", "ingest_lag_messages", "gauge", "Messages in Kafka that have not been read yet"],
  ["ingest.brokerErrors", "ingest_broker_errors_total", "counter", "Errors reported by the Kafka client"],
  ["ingest.alertsSent", "ingest_alerts_sent_total", "counter", "Alerts written to Kafka"],
  ["ingest.bookResyncs", "ingest_book_resyncs_total", "counter", "Order books that had to wait for a snapshot"],
  ["store.rowsWritten", "store_rows_written_total", "counter", "Rows committed to the database"],
  ["store.rowsQueued", "store_rows_queued", "gauge", "Rows waiting to be written"],
  ["store.rowsDropped", "store_rows_dropped_total", "counter", "Rows lost; must stay 0"],
  ["store.rowsSpilled", "store_rows_spilled_total", "counter", "Rows kept on disk while the database was away"],
  ["store.spillBytes", "store_spill_bytes", "gauge", "Bytes of rows on disk"],
  ["store.fillsWritten", "store_fills_written_total", "counter", "Fills committed to the database"],
  ["store.alertsWritten", "store_alerts_written_total", "counter", "Alerts committed to the database"],
  ["store.samplesThinned", "store_samples_thinned_total", "counter", "Samples left out because the budget was used up"],
  ["store.writeErrors", "store_write_errors_total", "counter", "Writes the database did not take"],
];

const SHARD_COUNTERS: readonly [keyof ShardStatus, string, string][] = [
  ["eventsApplied", "shard_events_applied_total", "Account events applied to the ledger"],
  ["batchesApplied", "shard_batches_applied_total", "Kafka messages applied to the ledger"],
  ["duplicates", "shard_duplicate_events_total", "Events that had been applied already"],
  ["gaps", "shard_gaps_total", "Gaps seen in accounts' sequence numbers"],
  ["rejected", "shard_rejected_events_total", "Events the ledger refused"],
  ["valuations", "shard_valuations_total", "Accounts valued"],
  ["fills", "shard_fills_total", "Fills applied"],
  ["alerts", "shard_alerts_total", "Changes of status"],
];
const SHARD_GAUGES: readonly [keyof ShardStatus, string, string][] = [
  ["accounts", "shard_accounts", "Accounts held"],
  ["positions", "shard_positions", "Position rows in use"],
  ["openOrders", "shard_open_orders", "Open orders held"],
  ["nextOffset", "shard_next_offset", "Next log offset to apply"],
];
const SHARD_STATES: readonly ShardStatus["state"][] = ["empty", "recovering", "running", "stopped", "faulted"];

/** Octaves of the latency histogram that are shown: 2^10 ns (1 µs) to 2^33 ns (8.6 s). */
const FIRST_OCTAVE = 10;
const LAST_OCTAVE = 33;

/** Buckets of one shard's latency histogram: octaves, cumulative, in seconds. The sum is told from the buckets' middles. */
function latencySamples(name: string, counts: ArrayLike<number>, labels: Record<string, string>): Sample[] {
  const samples: Sample[] = [];
  let seen = 0;
  let sumNs = 0;
  let bucket = 0;
  const upTo = (end: number) => {
    for (; bucket < end; bucket++) {
      const count = counts[bucket] ?? 0;
      seen += count;
      sumNs += count * ((latencyBucketNs(bucket) + latencyBucketNs(bucket + 1)) / 2);
    }
  };
  for (let octave = FIRST_OCTAVE; octave <= LAST_OCTAVE; octave++) {
    upTo(Math.min(octave * 8, counts.length));
    samples.push({ value: seen, labels: { ...labels, le: String(2 ** octave / 1e9) }, metricName: `${name}_bucket` });
  }
  upTo(counts.length);
  samples.push({ value: seen, labels: { ...labels, le: "+Inf" }, metricName: `${name}_bucket` });
  samples.push({ value: sumNs / 1e9, labels, metricName: `${name}_sum` });
  samples.push({ value: seen, labels, metricName: `${name}_count` });
  return samples;
}

export class Metrics {
  readonly #registry = new Registry();
  readonly #requests: Counter<"route" | "status">;
  readonly #requestSeconds: Histogram<"route">;

  constructor(
    context: ApiContext,
    stream: () => HubCounters,
    private readonly statsWriter: StatsWriter,
  ) {
    collectDefaultMetrics({ register: this.#registry });
    this.#requests = new Counter({
      name: "plimsoll_http_requests_total",
      help: "HTTP requests answered",
      labelNames: ["route", "status"],
      registers: [this.#registry],
    });
    this.#requestSeconds = new Histogram({
      name: "plimsoll_http_request_duration_seconds",
      help: "Time from request to answer",
      labelNames: ["route"],
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
      registers: [this.#registry],
    });
    const add = (name: string, type: MetricType, help: string, read: () => Sample[]) => {
      this.#registry.registerMetric(new ReadAtScrape(`plimsoll_${name}`, help, type, read) as unknown as Metric);
    };
    const one = (value: number): Sample[] => [{ value, labels: {} }];
    const { engine, stats, platform, identity } = context;

    add("build_info", "gauge", "1; its version is a label", () => [{ value: 1, labels: { version: identity.version } }]);
    add("start_time_seconds", "gauge", "Start of the engine, Unix time", () => one(identity.startedMs / 1000));
    add("ready", "gauge", "1 where every shard has caught up with its log", () => one(platform.notReady().length === 0 ? 1 : 0));
    for (const [stat, name, type, help] of STAT_METRICS) add(name, type, help, () => one(stats.get(stat)));
    add("store_state", "gauge", "1 for the state the store is in", () =>
      STORE_STATES.map((state, code) => ({ value: stats.get("store.state") === code ? 1 : 0, labels: { state } })),
    );
    add("store_last_write_timestamp_seconds", "gauge", "Last commit, Unix time; 0: none", () =>
      one(stats.get("store.lastWriteMs") / 1000),
    );
    add("store_last_write_duration_seconds", "gauge", "Time the last commit took", () =>
      one(stats.get("store.lastWriteLatencyMs") / 1000),
    );
    add("stream_clients", "gauge", "Clients connected to the stream", () => one(stream().clients));
    add("stream_clients_opened_total", "counter", "Clients that connected", () => one(stream().opened));
    add("stream_subscriptions", "gauge", "Subscriptions", () => one(stream().subscriptions));
    add("stream_frames_total", "counter", "Frames sent", () => one(stream().frames));
    add("stream_sent_bytes_total", "counter", "Bytes sent in frames", () => one(stream().bytes));
    add("stream_conflated_total", "counter", "Times a client was behind and its pushes were held back", () => one(stream().held));
    add("stream_requests_total", "counter", "Requests received", () => one(stream().requests));
    add("stream_request_errors_total", "counter", "Requests answered with an error", () => one(stream().errors));

    const perShard = (read: (status: ShardStatus) => Sample[]) => () => engine.shards.flatMap((shard) => read(shard.status()));
    const partition = (status: ShardStatus) => ({ partition: String(status.partition) });
    for (const [field, name, help] of SHARD_COUNTERS) {
      add(
        name,
        "counter",
        help,
        perShard((status) => [{ value: status[field] as number, labels: partition(status) }]),
      );
    }
    for (const [field, name, help] of SHARD_GAUGES) {
      add(
        name,
        "gauge",
        help,
        perShard((status) => [{ value: status[field] as number, labels: partition(status) }]),
      );
    }
    add(
      "shard_state",
      "gauge",
      "1 for the state the shard is in",
      perShard((status) =>
        SHARD_STATES.map((state) => ({ value: status.state === state ? 1 : 0, labels: { ...partition(status), state } })),
      ),
    );
    const rings = (part: "used" | "capacity") =>
      perShard((status) =>
        (["input", "fill", "alert"] as const).map((ring) => ({
          value: status[`${ring}Ring`][part],
          labels: { ...partition(status), ring },
        })),
      );
    add("shard_ring_used_records", "gauge", "Records waiting in a shard's ring", rings("used"));
    add("shard_ring_capacity_records", "gauge", "Records a shard's ring can hold", rings("capacity"));
    add(
      "shard_last_event_timestamp_seconds",
      "gauge",
      "Event time of the newest applied event, Unix time",
      perShard((status) =>
        status.lastEventMs === null ? [] : [{ value: status.lastEventMs / 1000, labels: partition(status) }],
      ),
    );
    const latency = "event_to_row_seconds";
    add(latency, "histogram", "Event received to risk row published; the sum is told from the buckets", () =>
      engine.shards.flatMap((shard) =>
        latencySamples(`plimsoll_${latency}`, shard.latencyCounts(), { partition: String(shard.partition) }),
      ),
    );
    add("accounts", "gauge", "Accounts by status", () => {
      const counts = new Array<number>(STATUS_NAMES.length).fill(0);
      for (const shard of engine.shards) {
        const end = shard.accountCount();
        for (let slot = 0; slot < end; slot++) {
          const code = shard.statusCode(slot);
          if (code >= 0 && code < counts.length) counts[code]++;
        }
      }
      return STATUS_NAMES.map((status, code) => ({ value: counts[code]!, labels: { status } }));
    });
    add("instruments", "gauge", "Instruments by freshness of their mark", () => {
      const counts = { OK: 0, STALE: 0 };
      for (const { freshness } of engine.market.instruments()) counts[freshness === "OK" ? "OK" : "STALE"]++;
      return Object.entries(counts).map(([freshness, value]) => ({ value, labels: { freshness } }));
    });
    add("market_event_timestamp_seconds", "gauge", "Newest event time seen on the market topic, Unix time", () => {
      const eventMs = engine.market.eventTimeMs();
      return eventMs === null ? [] : one(eventMs / 1000);
    });
  }

  /** @param route  its pattern, never the address itself */
  countRequest(route: string, status: number, seconds: number): void {
    this.#requests.inc({ route, status: String(status) });
    this.#requestSeconds.observe({ route }, seconds);
    this.statsWriter.add("http.requests");
    if (status >= 500) this.statsWriter.add("http.errors");
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** The whole page. Node's own metrics begin as NaN, before their first sample: what is not a number is left out. */
  async page(): Promise<string> {
    return (await this.#registry.metrics()).replace(/^[^#\n]* Nan\n/gm, "");
  }
}
