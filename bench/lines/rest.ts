// REST under autocannon: the engine's api over a shard with 10,000 accounts, against a bare node:http server that sends the
// same bytes and does nothing else. The requests come from another thread.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import autocannon from "autocannon";
import pino from "pino";
import { startApi } from "../../src/api/api";
import { completeApiConfig } from "../../src/api/config";
import { createStats } from "../../src/shared/stats";
import { EngineView } from "../../src/shared/views/engine-view";
import { cleanUp } from "../harness/cleanup";
import type { Line, LineOptions, Row } from "../harness/line";
import { OneThread } from "../harness/one-thread";
import { pairedRow, takeTurns } from "../harness/paired";
import { START_MS, World } from "../harness/world";

const CONNECTIONS = 16;
/** autocannon looks whether it has finished so often: what its clock is good to. */
const SAMPLE_MS = 10;
const ROUTES = [
  { id: "account", path: "/api/v1/accounts/4711", what: "one account" },
  { id: "top", path: "/api/v1/top?limit=20", what: "the 20 accounts nearest to liquidation, of 10,000" },
  { id: "instruments", path: "/api/v1/instruments", what: "all 16 instruments" },
] as const;

interface Load {
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
}

async function load(url: string, amount: number): Promise<Load> {
  const result = await autocannon({ url, connections: CONNECTIONS, amount, workers: 1, sampleInt: SAMPLE_MS });
  if (result.errors > 0 || result.timeouts > 0 || result.non2xx > 0) throw new Error(`${url}: requests failed`);
  return { perSecond: result["2xx"] / result.duration, p50Ms: result.latency.p50, p99Ms: result.latency.p99 };
}

async function run({ quick, progress }: LineOptions): Promise<Row[]> {
  const world = new World({ accounts: 10_000, instruments: 16, positionsPerAccount: 4 });
  const shard = new OneThread(world);
  const staleAfterMs = 3_600_000;
  const engine = new EngineView(shard.table.memory, { staleAfterMs });
  engine.setShards([shard.memory]);
  const api = await startApi({
    config: completeApiConfig({ staleAfterMs, http: { port: 0, webRoot: null }, stream: { port: 0 } }),
    engine,
    identity: { name: "bench", version: "0", startedMs: START_MS },
    stats: createStats(),
    log: pino({ level: "silent" }),
  });
  cleanUp(() => api.stop(1000));
  // Whatever was answered to a path once, with the same headers that cost bytes.
  const answers = new Map<string, { body: Buffer; type: string }>();
  const bare = createServer((request, response) => {
    const { body, type } = answers.get(request.url!)!;
    response.writeHead(200, { "content-type": type, "content-length": body.length });
    response.end(body);
  });
  await new Promise<void>((resolve) => bare.listen(0, "127.0.0.1", resolve));
  cleanUp(() => bare.closeAllConnections());
  const bareUrl = `http://127.0.0.1:${(bare.address() as AddressInfo).port}`;

  const amount = quick ? 2000 : 20_000;
  const rows: Row[] = [];
  for (const { id, path, what } of ROUTES) {
    const answer = await fetch(api.addresses.http.url + path);
    const body = Buffer.from(await answer.arrayBuffer());
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${body.toString()}`);
    if (id === "account" && JSON.parse(body.toString()).id !== "4711") throw new Error(`${path}: another account`);
    answers.set(path, { body, type: answer.headers.get("content-type")! });
    const loads: Load[] = [];
    const bareLoads: Load[] = [];
    await takeTurns(
      { rounds: quick ? 3 : 9, budgetMs: quick ? 2500 : 60_000, onRound: (round) => progress(`${what}, round ${round + 1}`) },
      [
        {
          name: "api",
          measure: async (round) => {
            const result = await load(api.addresses.http.url + path, amount);
            if (round >= 0) loads.push(result);
            return result.perSecond;
          },
        },
        {
          name: "bare",
          measure: async (round) => {
            const result = await load(bareUrl + path, amount);
            if (round >= 0) bareLoads.push(result);
            return result.perSecond;
          },
        },
      ],
    );
    const details = { connections: CONNECTIONS, requests: amount, bodyBytes: body.length };
    rows.push(
      pairedRow(
        { id: `rest/${id}`, what: `GET ${path}: ${what}`, unit: "requests/s", better: "higher", details },
        { name: "Plimsoll", values: loads.map(({ perSecond }) => perSecond) },
        { name: "bare node:http, same bytes", values: bareLoads.map(({ perSecond }) => perSecond) },
      ),
      pairedRow(
        { id: `rest/${id}-p99`, what: `the same, p99 of the answers' latency`, unit: "ns", better: "lower", details },
        // autocannon tells whole milliseconds; below one it says 0.
        { name: "Plimsoll", values: loads.map(({ p99Ms }) => Math.max(1, p99Ms) * 1e6) },
        { name: "bare node:http, same bytes", values: bareLoads.map(({ p99Ms }) => Math.max(1, p99Ms) * 1e6) },
      ),
    );
  }
  return rows;
}

export const rest: Line = { id: "rest", title: "REST under autocannon", runs: "always", run };
