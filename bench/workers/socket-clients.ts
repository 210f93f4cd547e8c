// WebSocket clients that only count: plain TCP with the handshake written out, so that reading a frame costs next to
// nothing and the server is what is measured. One thread for all of them.
import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import { parentPort } from "node:worker_threads";
import { nowNs } from "../harness/clock";
import type { ClientsAnswer, ClientsOrder } from "../harness/socket-orders";

let sockets: Socket[] = [];
let expected = Number.POSITIVE_INFINITY;
let received = 0;

function say(answer: ClientsAnswer): void {
  parentPort!.postMessage(answer);
}

function count(bytes: number): void {
  received += bytes;
  if (received < expected) return;
  say({ type: "received", bytes: received, endNs: nowNs() });
  expected = Number.POSITIVE_INFINITY;
}

/** Resolves when the server has agreed; whatever follows is counted. */
function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port });
    socket.setNoDelay(true);
    socket.once("error", reject);
    socket.once("connect", () => {
      const key = randomBytes(16).toString("base64");
      socket.write(
        `GET / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
          `Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
      );
    });
    let head = "";
    const onHead = (data: Buffer) => {
      head += data.toString("latin1");
      const end = head.indexOf("\r\n\r\n");
      if (end < 0) return;
      if (!head.startsWith("HTTP/1.1 101")) return reject(new Error(head.slice(0, head.indexOf("\r\n"))));
      socket.off("data", onHead);
      socket.on("data", (bytes: Buffer) => count(bytes.length));
      count(head.length - end - 4);
      resolve(socket);
    };
    socket.on("data", onHead);
  });
}

parentPort!.on("message", async (order: ClientsOrder) => {
  switch (order.type) {
    case "open":
      try {
        for (let i = 0; i < order.clients; i++) sockets.push(await open(order.port));
        say({ type: "open" });
      } catch (error) {
        say({ type: "failed", message: (error as Error).message });
      }
      break;
    case "expect":
      received = 0;
      expected = order.bytes;
      say({ type: "expecting" });
      break;
    case "close":
      for (const socket of sockets) socket.destroy();
      sockets = [];
      say({ type: "closed" });
      break;
  }
});
