// Whatever a client sends, it is answered by one well-formed frame and nothing breaks.
import fc from "fast-check";
import pino from "pino";
import { describe, expect, it } from "vitest";
import { createStats, StatsView } from "../../shared/stats";
import { AlertLogs } from "../alert-log";
import { Authenticator } from "../auth/authenticator";
import { completeApiConfig } from "../config";
import { API_ERRORS } from "../errors";
import { refusalOf } from "../http/problem";
import { Platform } from "../platform";
import { FakeEngine } from "../testing/fake-engine";
import { CHANNEL_PATTERNS } from "./channel-name";
import { Hub } from "./hub";
import { METHODS } from "./methods";
import type { StreamSocket } from "./transport";

const RPC_CODES = new Set<number | null>(Object.values(API_ERRORS).map((row) => row.rpc));

class Recorder implements StreamSocket {
  readonly remoteAddress = "127.0.0.1";
  session: unknown = null;
  frames: string[] = [];
  ended = false;
  send(frame: string | Uint8Array) {
    this.frames.push(typeof frame === "string" ? frame : Buffer.from(frame).toString());
    return "sent" as const;
  }
  bufferedBytes = () => 0;
  ping = () => "sent" as const;
  cork(sends: () => void) {
    sends();
  }
  close() {
    this.ended = true;
  }
  terminate() {
    this.ended = true;
  }
}

function hubOf(engine: FakeEngine): Hub {
  const stats = new StatsView(createStats());
  let hub: Hub | null = null;
  const platform = new Platform({ name: "p", version: "0", startedMs: 0 }, engine, stats, () => hub!.counters());
  hub = new Hub({
    config: completeApiConfig().stream,
    sources: { engine, ownership: () => 0, locate: () => null, topCount: 5, platform: () => platform.state(), nowNs: () => 0 },
    alerts: new AlertLogs(),
    auth: new Authenticator({ mode: "open", keysFile: null }),
    log: pino({ level: "silent" }),
    admit: () => null,
    notUpgrade: () => ({ status: 426, reason: "", body: "" }),
    refuse: refusalOf,
    version: "0",
  });
  return hub;
}

const methods = fc.constantFrom(...Object.keys(METHODS), "private/buy", "toString", "");
const channels = fc.oneof(
  fc.constantFrom(
    ...CHANNEL_PATTERNS.map((name) => name.replace("{id}", "1").replace("{symbol}", "BTCUSDT").replace("{interval}", "raw")),
  ),
  fc.string(),
  fc.anything(),
);
const params = fc.oneof(
  fc.record({ channels: fc.array(channels, { maxLength: 5 }) }),
  fc.dictionary(fc.constantFrom("channels", "interval", "grant_type", "client_id", "__proto__", "constructor"), fc.jsonValue()),
  fc.jsonValue(),
);
const requests = fc
  .record({
    jsonrpc: fc.constantFrom("2.0", "2.0", "2.0", "1.0"),
    id: fc.oneof(fc.integer(), fc.jsonValue()),
    method: methods,
    params,
  })
  .map((request) => JSON.stringify(request));
const frames = fc.oneof(requests, fc.string(), fc.json());

describe("the hub", () => {
  it("answers any frame with exactly one well-formed answer", () => {
    const hub = hubOf(FakeEngine.withAccounts(2));
    fc.assert(
      fc.property(frames, (text) => {
        const socket = new Recorder();
        hub.open(socket);
        hub.text(socket, text);
        const [answer, ...pushes] = socket.frames.map((frame) => JSON.parse(frame));
        expect(answer.jsonrpc).toBe("2.0");
        expect("result" in answer).not.toBe("error" in answer);
        if ("error" in answer) {
          expect(RPC_CODES.has(answer.error.code)).toBe(true);
          expect(typeof answer.error.data.reason).toBe("string");
          expect(answer.error.message).not.toBe("internal");
          expect(pushes).toEqual([]);
        }
        for (const push of pushes) expect(push).toMatchObject({ method: "subscription", params: { data: { type: "snapshot" } } });
        hub.close(socket);
        expect(hub.channelCount).toBe(0);
      }),
      { numRuns: 2000 },
    );
    hub.stop();
  });
});
