// Frames a second from one server to 50 WebSocket clients, by the stream's own two transports: uWebSockets and ws. The
// clients count bytes on another thread; every byte sent must arrive.
import { Worker } from "node:worker_threads";
import type { StreamHandlers, StreamListener, StreamListenOptions, StreamSocket } from "../../src/api/stream/transport";
import { listenUws, loadUws, uwsBinaryName } from "../../src/api/stream/uws";
import { listenWs } from "../../src/api/stream/ws";
import { cleanUp } from "../harness/cleanup";
import { nowNs } from "../harness/clock";
import type { LeftOut, Line, LineOptions, Row } from "../harness/line";
import { pairedRow, takeTurns } from "../harness/paired";
import { benchFile } from "../harness/paths";
import type { ClientsAnswer, ClientsOrder } from "../harness/socket-orders";

const CLIENTS = 50;
const FRAME_BYTES = 300;
/** A server's text frame of 126 to 65,535 bytes has a head of four. */
const WIRE_BYTES = FRAME_BYTES + 4;
/** What a client is sent at once: as many channels as a busy page has. */
const BURST = 16;
/** A client with more than this waiting is passed over until it has read. */
const HELD_BYTES_MAX = 1 << 20;

class Clients {
  private readonly worker = new Worker(benchFile("socket-clients.js"));
  private next: ((answer: ClientsAnswer) => void) | null = null;

  constructor() {
    this.worker.on("message", (answer: ClientsAnswer) => this.next?.(answer));
    cleanUp(async () => void (await this.worker.terminate()));
  }

  answer(): Promise<ClientsAnswer> {
    return new Promise((resolve, reject) => {
      this.next = (answer) => (answer.type === "failed" ? reject(new Error(answer.message)) : resolve(answer));
    });
  }

  ask(order: ClientsOrder): Promise<ClientsAnswer> {
    const answer = this.answer();
    this.worker.postMessage(order);
    return answer;
  }
}

type Listen = (options: StreamListenOptions, handlers: StreamHandlers) => Promise<StreamListener>;

/** A listening server that takes everybody and hears nothing. */
async function serve(listen: Listen): Promise<{ listener: StreamListener; sockets: StreamSocket[] }> {
  const sockets: StreamSocket[] = [];
  const refusal = { status: 400, reason: "Bad Request", body: "{}" };
  const nothing = () => {};
  const listener = await listen(
    { host: "127.0.0.1", port: 0, payloadBytesMax: 4096, backpressureBytesMax: 16 << 20 },
    {
      admit: () => null,
      notUpgrade: () => refusal,
      open: (socket) => sockets.push(socket),
      text: nothing,
      binary: nothing,
      drain: nothing,
      pong: nothing,
      close: nothing,
    },
  );
  return { listener, sockets };
}

/** Frames a second until the last byte has been read. */
async function fanOut(clients: Clients, listen: Listen, framesPerClient: number, frame: string): Promise<number> {
  const { listener, sockets } = await serve(listen);
  await clients.ask({ type: "open", port: listener.port, clients: CLIENTS });
  while (sockets.length < CLIENTS) await new Promise((resolve) => setImmediate(resolve));
  const bytes = CLIENTS * framesPerClient * WIRE_BYTES;
  await clients.ask({ type: "expect", bytes });
  const received = clients.answer();
  const left = sockets.map(() => framesPerClient);
  const startNs = nowNs();
  for (let open = CLIENTS; open > 0; ) {
    for (let i = 0; i < CLIENTS; i++) {
      const socket = sockets[i]!;
      if (left[i] === 0 || socket.bufferedBytes() > HELD_BYTES_MAX) continue;
      const burst = Math.min(BURST, left[i]!);
      socket.cork(() => {
        for (let k = 0; k < burst; k++) if (socket.send(frame) === "refused") throw new Error("a frame was refused");
      });
      left[i]! -= burst;
      if (left[i] === 0) open--;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  const answer = await received;
  if (answer.type !== "received" || answer.bytes !== bytes) throw new Error("the clients did not get what was sent");
  await clients.ask({ type: "close" });
  await listener.close();
  return (CLIENTS * framesPerClient) / ((answer.endNs - startNs) / 1e9);
}

async function run({ quick, progress }: LineOptions): Promise<(Row | LeftOut)[]> {
  const what = `text frames of ${FRAME_BYTES} bytes to ${CLIENTS} clients, ${BURST} at once`;
  const uws = loadUws();
  if (uws === null) return [{ id: "websocket/fan-out", what, leftOut: `${uwsBinaryName()} does not load here` }];
  const clients = new Clients();
  const frame = "x".repeat(FRAME_BYTES);
  const frames = quick ? { uws: 4000, ws: 1000 } : { uws: 40_000, ws: 8000 };
  const values = await takeTurns(
    { rounds: quick ? 5 : 15, budgetMs: quick ? 4000 : 60_000, onRound: (round) => progress(`round ${round + 1}`) },
    [
      {
        name: "uws",
        measure: () => fanOut(clients, (options, handlers) => listenUws(uws, options, handlers), frames.uws, frame),
      },
      { name: "ws", measure: () => fanOut(clients, listenWs, frames.ws, frame) },
    ],
  );
  return [
    pairedRow(
      {
        id: "websocket/fan-out",
        what,
        unit: "frames/s",
        better: "higher",
        details: {
          clients: CLIENTS,
          framesPerClient: frames.uws,
          framesPerClientOfPeer: frames.ws,
          checked: "every byte arrived",
        },
      },
      { name: "uWebSockets", values: values.uws },
      { name: "ws", values: values.ws },
    ),
  ];
}

export const websocket: Line = { id: "websocket", title: "WebSocket fan-out", runs: "always", run };
