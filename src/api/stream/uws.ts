// The stream's transport on uWebSockets.js. Its native binary is loaded directly: the package falls back to an
// implementation in JavaScript where the binary does not fit, and that one throws in `upgrade`.
//
// In a worker thread the process aborts if the thread ends while uWebSockets still listens: close() comes first.

import type { HttpResponse, TemplatedApp, us_listen_socket, us_socket_context_t, WebSocket } from "uWebSockets.js";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { isIP } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  ListenError,
  type Refusal,
  type SendResult,
  type StreamHandlers,
  type StreamListener,
  type StreamListenOptions,
  type StreamSocket,
} from "./transport";

interface Uws {
  App(): TemplatedApp;
  us_listen_socket_close(socket: us_listen_socket): void;
  us_socket_local_port(socket: us_listen_socket): number;
  LIBUS_LISTEN_EXCLUSIVE_PORT: number;
}

let loaded: Uws | null | undefined;

/** The native module, or null where no binary fits this Node, system and processor. */
export function loadUws(): Uws | null {
  if (loaded !== undefined) return loaded;
  loaded = null;
  const require = createRequire(import.meta.url);
  let folder: string;
  try {
    // `main` is src/uws.js in the npm package, uws.js in the official one.
    const entry = require.resolve("uWebSockets.js");
    folder = entry.endsWith(join("src", "uws.js")) ? dirname(dirname(entry)) : dirname(entry);
  } catch {
    return loaded;
  }
  const file = `uws_${process.platform}_${process.arch}_${process.versions.modules}.node`;
  for (const candidate of [join(folder, "binaries", file), join(folder, file)]) {
    if (!existsSync(candidate)) continue;
    try {
      loaded = require(candidate) as Uws;
      break;
    } catch {
      // Another libc, another ABI: the binary is there and does not load.
    }
  }
  return loaded;
}

interface UserData {
  socket: UwsSocket | null;
}

/** What its send and ping return: 0 held back, 1 sent, 2 dropped. */
const RESULTS: readonly SendResult[] = ["held", "sent", "refused"];

class UwsSocket implements StreamSocket {
  session: unknown = null;
  readonly remoteAddress: string;
  open = true;

  constructor(readonly native: WebSocket<UserData>) {
    this.remoteAddress = Buffer.from(native.getRemoteAddressAsText()).toString("latin1");
  }

  send(frame: string | Uint8Array): SendResult {
    return this.open ? RESULTS[this.native.send(frame, false, false)]! : "refused";
  }

  bufferedBytes(): number {
    return this.open ? this.native.getBufferedAmount() : 0;
  }

  ping(payload: string): SendResult {
    return this.open ? RESULTS[this.native.ping(payload)]! : "refused";
  }

  cork(sends: () => void): void {
    if (this.open) this.native.cork(sends);
  }

  close(code: number, reason: string): void {
    if (this.open) this.native.end(code, reason);
  }

  terminate(): void {
    if (this.open) this.native.close();
  }
}

const text = new TextDecoder();

function answer(response: HttpResponse, refusal: Refusal): void {
  response.cork(() => {
    response
      .writeStatus(`${refusal.status} ${refusal.reason}`)
      .writeHeader("content-type", "application/problem+json; charset=utf-8")
      .writeHeader("cache-control", "no-store")
      .end(refusal.body, true);
  });
}

/**
 * Listens.
 *
 * @throws ListenError EADDRINUSE or EADDRNOTAVAIL (uWebSockets tells neither from the other; a host that is no address is
 *   told apart here)
 */
export async function listenUws(uws: Uws, options: StreamListenOptions, handlers: StreamHandlers): Promise<StreamListener> {
  const app = uws.App();
  app.ws<UserData>("/*", {
    maxPayloadLength: options.payloadBytesMax,
    maxBackpressure: options.backpressureBytesMax,
    // Idle clients, pings and their time-outs are the hub's business, the same for both transports.
    idleTimeout: 0,
    sendPingsAutomatically: false,
    upgrade(response, request, context: us_socket_context_t) {
      const refusal = handlers.admit({
        path: request.getUrl(),
        query: request.getQuery() ?? "",
        origin: request.getHeader("origin"),
      });
      if (refusal !== null) return answer(response, refusal);
      response.upgrade<UserData>(
        { socket: null },
        request.getHeader("sec-websocket-key"),
        "",
        request.getHeader("sec-websocket-extensions"),
        context,
      );
    },
    open(native) {
      const socket = new UwsSocket(native);
      native.getUserData().socket = socket;
      handlers.open(socket);
    },
    message(native, message, isBinary) {
      const socket = native.getUserData().socket;
      if (socket === null || !socket.open) return;
      if (isBinary) handlers.binary(socket);
      else handlers.text(socket, text.decode(message));
    },
    drain(native) {
      const socket = native.getUserData().socket;
      if (socket?.open) handlers.drain(socket);
    },
    pong(native, payload) {
      const socket = native.getUserData().socket;
      if (socket?.open) handlers.pong(socket, text.decode(payload));
    },
    close(native) {
      const socket = native.getUserData().socket;
      if (socket === null) return;
      socket.open = false;
      handlers.close(socket);
    },
  });
  app.any("/*", (response) => answer(response, handlers.notUpgrade()));

  const listening = await new Promise<us_listen_socket | false>((resolve) => {
    // Without EXCLUSIVE_PORT it would share the port with another listener in silence. The typings leave this overload out.
    const listen = app.listen.bind(app) as unknown as (
      host: string,
      port: number,
      listenOptions: number,
      done: (socket: us_listen_socket | false) => void,
    ) => void;
    listen(options.host, options.port, uws.LIBUS_LISTEN_EXCLUSIVE_PORT, resolve);
  });
  if (listening === false) {
    const named = options.host === "localhost" || isIP(options.host) !== 0;
    throw new ListenError(named ? "EADDRINUSE" : "EADDRNOTAVAIL", `cannot listen on ${options.host}:${options.port}`);
  }
  const port = uws.us_socket_local_port(listening);
  let closed = false;
  return {
    transport: "uws",
    port,
    async close() {
      if (closed) return;
      closed = true;
      uws.us_listen_socket_close(listening);
    },
  };
}

/** Where the native binaries are looked for; for the message when there is none. */
export function uwsBinaryName(): string {
  return `uws_${process.platform}_${process.arch}_${process.versions.modules}.node (seen from ${fileURLToPath(import.meta.url)})`;
}
