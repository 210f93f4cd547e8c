// What the outlet tells of how far both logs of alerts are known.
import { expect, it } from "vitest";
import type { Delivery } from "../ingest/kafka/log-producer";
import { createShardMemory, DEFAULT_SHARD_CAPACITY } from "../shared/shard-memory";
import type { MarketView } from "../shared/views/market-view";
import type { Alert } from "../shared/wire/alert-batch-writer";
import { AlertOutlet } from "./alerts";
import type { Outbox } from "./outbox";

const LIQUIDATED: Alert = {
  account: 42,
  timeMs: Date.UTC(2025, 5, 1),
  logOffset: 9,
  logPartition: 0,
  eventIndex: 0,
  marketSeq: 1,
  equityUsd: 10,
  initialMarginUsd: 20,
  maintenanceMarginUsd: 10,
  worstMarginRatio: 1,
  fromStatus: 0,
  toStatus: 3,
  freshness: 0,
  instrument: 0,
  alertSeq: 1,
};

it("no place counts behind a signal that a crash has kept from its log, until it is there", async () => {
  let hasRoom = false;
  let makeRoom: () => void = () => undefined;
  let deliver: ((delivery: Delivery) => void) | undefined;
  const outbox = {
    send: (_topic: string, _partition: number, _payload: Buffer, _key: string, onDelivered: (delivery: Delivery) => void) => {
      if (hasRoom) deliver = onDelivered;
      return hasRoom;
    },
    room: () => new Promise<void>((resolve) => (makeRoom = resolve)),
  } as unknown as Outbox;
  const market = { symbol: () => null } as unknown as MarketView;
  const outlet = new AlertOutlet({ outbox, lease: { holds: () => true }, prefix: "t.", market, onDelivered: () => undefined });
  const capacity = { ...DEFAULT_SHARD_CAPACITY, accounts: 64, balances: 64, positions: 64, orders: 64 };
  const memory = createShardMemory(0, capacity, { recordFills: false }).buffer as SharedArrayBuffer;
  outlet.add(0, memory, { alerts: 5, liquidations: 3 });
  const ends = { alerts: 6, liquidations: 3 };
  outlet.remember(0, { alerts: [LIQUIDATED], liquidations: [], ends, forgotten: false });
  outlet.known(0, ends);
  expect(outlet.positions(0)).toEqual({ alerts: 5, liquidations: 3 });
  hasRoom = true;
  makeRoom();
  await new Promise((resolve) => setImmediate(resolve));
  expect(outlet.positions(0)).toEqual({ alerts: 5, liquidations: 3 });
  deliver?.({ topic: "t.liquidations", partition: 0, offset: 3 } as Delivery);
  expect(outlet.positions(0)).toEqual({ alerts: 6, liquidations: 4 });
});
