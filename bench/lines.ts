// The lines of the bench, in the order in which data flows.
import type { Line } from "./harness/line";
import { allocation } from "./lines/allocation";
import { database } from "./lines/database";
import { decode } from "./lines/decode";
import { endToEnd } from "./lines/end-to-end";
import { evalLine } from "./lines/eval";
import { kafka } from "./lines/kafka";
import { kafkaStream } from "./lines/kafka-stream";
import { latency } from "./lines/latency";
import { million } from "./lines/million";
import { recovery } from "./lines/recovery";
import { rest } from "./lines/rest";
import { revaluation } from "./lines/revaluation";
import { ring } from "./lines/ring";
import { risk } from "./lines/risk";
import { scaling } from "./lines/scaling";
import { steady } from "./lines/steady";
import { websocket } from "./lines/websocket";

export const LINES: readonly Line[] = [
  ring,
  decode,
  risk,
  endToEnd,
  revaluation,
  million,
  kafka,
  latency,
  kafkaStream,
  recovery,
  steady,
  allocation,
  websocket,
  rest,
  database,
  evalLine,
  scaling,
];
