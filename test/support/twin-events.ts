// What the slow twin is fed: messages read by the FlatBuffers compiler's own accessors, not by the engine's readers.
import * as flatbuffers from "flatbuffers";
import {
  AccountBatch,
  type Instrument,
  type InstrumentKind,
  type OptionType,
  Payoff,
  type Premium,
  ReferenceBatch,
} from "../../schemas/generated";
import { contractFactors } from "../../src/ingest/market-table";
import type { TwinEvent, TwinInstrument } from "../../src/shards/ledger-twin";

export function decodeAccountEvents(message: Uint8Array): TwinEvent[] {
  const batch = AccountBatch.getRootAsAccountBatch(new flatbuffers.ByteBuffer(message));
  const events: TwinEvent[] = [];
  for (let i = 0; i < batch.eventsLength(); i++) {
    const event = batch.events(i)!;
    events.push({
      kind: event.kind(),
      seq: event.seq(),
      account: event.account(),
      timeNs: event.timeNs(),
      qtyLots: event.qtyLots(),
      priceTicks: event.priceTicks(),
      amount: event.amount(),
      order: event.order(),
      instrument: event.instrument(),
      side: event.side(),
      flags: event.flags(),
    });
  }
  return events;
}

export function decodeInstruments(message: Uint8Array): TwinInstrument[] {
  const batch = ReferenceBatch.getRootAsReferenceBatch(new flatbuffers.ByteBuffer(message));
  const instruments: TwinInstrument[] = [];
  for (let i = 0; i < batch.instrumentsLength(); i++) {
    const row: Instrument = batch.instruments(i)!;
    const { value, lot } = contractFactors(row.payoff() === Payoff.Inverse, row.tickSize(), row.lotSize(), row.contractSize());
    instruments.push({
      id: row.id(),
      kind: row.kind() as InstrumentKind,
      payoff: row.payoff(),
      premium: row.premium() as Premium,
      optionType: row.optionType() as OptionType,
      base: row.base(),
      settle: row.settle(),
      valueNum: value[0],
      valueDen: value[1],
      lotNum: lot[0],
      lotDen: lot[1],
      strikeE8: row.strike(),
    });
  }
  return instruments;
}
