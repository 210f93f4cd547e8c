// What the stream needs of a WebSocket server, and nothing more: two implementations (uws.ts, ws.ts) and one suite of tests
// for both. A socket is valid from open() to close(); after close() nothing may be called on it.

/** How a frame fared: on its way; held back in this process; refused because too much is held back already. */
export type SendResult = "sent" | "held" | "refused";

export interface StreamSocket {
  readonly remoteAddress: string;
  /** What the hub keeps with the socket. */
  session: unknown;
  /** One text frame; strings are UTF-8 encoded, bytes must be UTF-8 already. */
  send(frame: string | Uint8Array): SendResult;
  /** Bytes held back in this process. */
  bufferedBytes(): number;
  /** A ping with a payload that the pong brings back. */
  ping(payload: string): SendResult;
  /** Runs `sends`, putting the frames it sends into as few system calls as the transport can. */
  cork(sends: () => void): void;
  /** Close frame, then the connection. */
  close(code: number, reason: string): void;
  /** The connection at once, whatever is held back. */
  terminate(): void;
}

export interface UpgradeRequest {
  path: string;
  query: string;
  /** Lower-case `Origin` as sent, or "" where there is none. */
  origin: string;
}

export interface Refusal {
  status: number;
  reason: string;
  /** problem+json. */
  body: string;
}

export interface StreamHandlers {
  /** Before the handshake: null lets it pass. */
  admit(request: UpgradeRequest): Refusal | null;
  /** The answer to a request that is not an upgrade. */
  notUpgrade(): Refusal;
  open(socket: StreamSocket): void;
  text(socket: StreamSocket, text: string): void;
  binary(socket: StreamSocket): void;
  /** Less is held back than before. */
  drain(socket: StreamSocket): void;
  pong(socket: StreamSocket, payload: string): void;
  close(socket: StreamSocket): void;
}

export interface StreamListenOptions {
  host: string;
  /** 0: any free port. */
  port: number;
  payloadBytesMax: number;
  backpressureBytesMax: number;
}

export interface StreamListener {
  readonly transport: "uws" | "ws";
  readonly port: number;
  /** Stops listening. Open sockets stay until they are closed. */
  close(): Promise<void>;
}

/** The error of a listen that failed, as node:net would report it. */
export class ListenError extends Error {
  override readonly name = "ListenError";
  constructor(
    readonly code: "EADDRINUSE" | "EADDRNOTAVAIL",
    message: string,
  ) {
    super(message);
  }
}
