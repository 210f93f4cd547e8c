// What ingest knows of the reference data, as two small tables that a value check can look into without a function call.
import { ASSET_SLOTS, INSTRUMENT_SLOTS } from "../../shared/limits";

export interface InstrumentLookup {
  /** By instrument id: its InstrumentKind, or 0 where none was published. INSTRUMENT_SLOTS long. */
  readonly instrumentKinds: Uint8Array;
  /** By asset id: 1, or 0 where none was published. ASSET_SLOTS long. */
  readonly assets: Uint8Array;
}

/** Nothing is known yet. */
export function createLookup(): InstrumentLookup {
  return { instrumentKinds: new Uint8Array(INSTRUMENT_SLOTS), assets: new Uint8Array(ASSET_SLOTS) };
}
