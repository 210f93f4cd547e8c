// What the reading thread of the ring line is told, and what it answers.
import type { MessagePort } from "node:worker_threads";

export const RECORD_DOUBLES = 8;

export type ReadOrder =
  | { by: "plimsoll"; memory: WebAssembly.Memory; module: WebAssembly.Module; header: number; records: number }
  | { by: "ringbuf.js"; storage: SharedArrayBuffer; records: number; batch: number }
  | { by: "postMessage"; port: MessagePort; records: number };

export type ReadAnswer = { type: "ready" } | { type: "done"; endNs: number; sum: number };
