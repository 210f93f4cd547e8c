// The stream's transport on `ws`, pure JavaScript: the same behaviour where no native binary of uWebSockets loads.
import { createServer, type IncomingMessage, STATUS_CODES } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import { HTTP_HEADER_BYTES_MAX } from "../limits";
import { endWith } from "../socket";
import {
  ListenError,
  type Refusal,
  type SendResult,
  type StreamHandlers,
  type StreamListener,
  type StreamListenOptions,
  type StreamSocket,
} from "./transport";

/** ms for the request line and headers; uWebSockets' own limit for the same. */
const HANDSHAKE_TIMEOUT_MS = 10_000;
/** ms a peer may take to answer a close frame. */
const CLOSE_TIMEOUT_MS = 2_000;

class WsSocket implements StreamSocket {
  session: unknown = null;
  readonly remoteAddress: string;
  open = true;

  constructor(
    readonly native: WebSocket,
    readonly connection: Socket,
    readonly backpressureBytesMax: number,
    readonly sent: (socket: WsSocket) => void,
  ) {
    this.remoteAddress = connection.remoteAddress ?? "";
  }

  send(frame: string | Uint8Array): SendResult {
    if (!this.open || this.native.bufferedAmount > this.backpressureBytesMax) return "refused";
    this.native.send(frame, { binary: false, compress: false }, () => this.sent(this));
    return this.native.bufferedAmount === 0 ? "sent" : "held";
  }

  bufferedBytes(): number {
    return this.open ? this.native.bufferedAmount : 0;
  }

  ping(payload: string): SendResult {
    if (!this.open || this.native.bufferedAmount > this.backpressureBytesMax) return "refused";
    this.native.ping(payload);
    return this.native.bufferedAmount === 0 ? "sent" : "held";
  }

  cork(sends: () => void): void {
    if (!this.open) return;
    this.connection.cork();
    try {
      sends();
    } finally {
      this.connection.uncork();
    }
  }

  close(code: number, reason: string): void {
    if (!this.open) return;
    this.native.close(code, reason);
    setTimeout(() => this.native.terminate(), CLOSE_TIMEOUT_MS).unref();
  }

  terminate(): void {
    this.native.terminate();
  }
}

function headersOf(refusal: Refusal): string {
  const bytes = Buffer.byteLength(refusal.body);
  return (
    `HTTP/1.1 ${refusal.status} ${refusal.reason}\r\ncontent-type: application/problem+json; charset=utf-8\r\n` +
    `cache-control: no-store\r\ncontent-length: ${bytes}\r\nconnection: close\r\n\r\n`
  );
}

/** @throws ListenError EADDRINUSE or EADDRNOTAVAIL */
export async function listenWs(options: StreamListenOptions, handlers: StreamHandlers): Promise<StreamListener> {
  const server = createServer(
    { maxHeaderSize: HTTP_HEADER_BYTES_MAX, connectionsCheckingInterval: 1_000 },
    (_request, response) => {
      const refusal = handlers.notUpgrade();
      response.writeHead(refusal.status, {
        "content-type": "application/problem+json; charset=utf-8",
        "cache-control": "no-store",
        connection: "close",
      });
      response.end(refusal.body);
    },
  );
  server.headersTimeout = HANDSHAKE_TIMEOUT_MS;
  server.requestTimeout = HANDSHAKE_TIMEOUT_MS;
  server.keepAliveTimeout = 1_000;
  const sockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: options.payloadBytesMax,
    perMessageDeflate: false,
    // A pong is sent below, and only to who reads: pings of a client that does not would fill the memory.
    autoPong: false,
  });

  server.on("upgrade", (request: IncomingMessage, connection: Duplex, head: Buffer) => {
    connection.on("error", () => connection.destroy());
    const address = request.url ?? "/";
    const mark = address.indexOf("?");
    const refusal = handlers.admit({
      path: mark < 0 ? address : address.slice(0, mark),
      query: mark < 0 ? "" : address.slice(mark + 1),
      origin: request.headers.origin ?? "",
    });
    if (refusal !== null) {
      endWith(connection, headersOf(refusal) + refusal.body);
      return;
    }
    sockets.handleUpgrade(request, connection, head, (native) => {
      const socket = new WsSocket(native, connection as Socket, options.backpressureBytesMax, (from) => {
        if (from.open && native.bufferedAmount === 0) handlers.drain(from);
      });
      native.on("message", (data, isBinary) => {
        if (!socket.open) return;
        if (isBinary) handlers.binary(socket);
        else handlers.text(socket, (data as Buffer).toString("utf8"));
      });
      native.on("ping", (payload) => {
        if (socket.open && native.bufferedAmount <= options.backpressureBytesMax) native.pong(payload);
      });
      native.on("pong", (payload) => {
        if (socket.open) handlers.pong(socket, payload.toString("latin1"));
      });
      // A frame the protocol does not allow: `ws` has sent the close frame, `close` follows.
      native.on("error", () => {});
      native.on("close", () => {
        socket.open = false;
        handlers.close(socket);
      });
      handlers.open(socket);
    });
  });
  // A request that is no HTTP: node's own answer would do, but for the socket that already began to speak WebSocket.
  server.on("clientError", (_error, connection) => {
    endWith(connection, `HTTP/1.1 400 ${STATUS_CODES[400]}\r\nconnection: close\r\n\r\n`);
  });

  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      reject(new ListenError(error.code === "EADDRINUSE" ? "EADDRINUSE" : "EADDRNOTAVAIL", error.message));
    });
    server.listen({ host: options.host, port: options.port, exclusive: true }, resolve);
  });
  server.on("error", () => {});
  return {
    transport: "ws",
    port: (server.address() as AddressInfo).port,
    async close() {
      server.close();
      server.closeIdleConnections();
    },
  };
}
