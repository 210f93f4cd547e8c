// Everything that writes wire messages, and the readers of what the engine itself sends out. Reading what comes in begins with
// src/ingest/verify. No I/O.
export { AccountBatchWriter } from "./account-batch-writer";
export { AlertBatchWriter, FRESHNESS_CODES } from "./alert-batch-writer";
export { decodeDeadLetter, encodeDeadLetter } from "./dead-letter";
export { decimalToScaled, wholeUnits } from "./decimal";
export { decodeAlerts } from "./decode-alerts";
export { decodeEngine, encodeEngine } from "./engine-announcement";
export { MarketBatchWriter } from "./market-batch-writer";
export { BookFlag, EventFlag } from "./ranges";
export { ReferenceBatchWriter } from "./reference-batch-writer";
