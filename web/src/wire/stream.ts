// The page's end of the live stream: one WebSocket, JSON-RPC 2.0, the channels someone looks at. It reconnects with backoff,
// subscribes again, checks change ids, and says at any moment whether what it delivered may still be believed.
// It owns no view and reads no clock of its own: sockets, time and randomness come from the host, so tests drive it by hand.
import { backoffMs } from "./backoff";
import { judge, type PushType, readHead } from "./change";
import { type Reply, readFrame } from "./json-rpc";

export interface SocketLike {
  send(text: string): void;
  close(): void;
  onopen: (() => void) | null;
  onmessage: ((text: string) => void) | null;
  onclose: ((code: number, reason: string) => void) | null;
}

/** An API key, `<id>.<secret>` in two. */
export interface Credentials {
  id: string;
  secret: string;
}

export interface StreamHost {
  /** Where to connect; asked again before every attempt, as a restarted engine may listen elsewhere. Rejects with a reason to show. */
  locate(): Promise<string>;
  openSocket(url: string): SocketLike;
  /** Monotonic, ms. */
  nowMs(): number;
  /** In [0, 1). */
  random(): number;
  /** Calls back once after `ms`; what it returns cancels. */
  after(ms: number, callback: () => void): () => void;
}

export interface StreamListener {
  /**
   * A push whose change id fits. `snapshot` and `unavailable` replace what there was, `change` and `resync` continue it.
   *
   * @returns why it could not be read, in a few words: then the channel is asked for again; null where all is well
   */
  onPush(channel: string, type: PushType, data: Record<string, unknown>, nowMs: number): string | null;
  /** The connection's or a channel's state is not what it was. */
  onState(): void;
}

export type Phase = "connecting" | "live" | "waiting" | "refused" | "stopped";

export interface Connection {
  phase: Phase;
  /** When the phase began, monotonic ms. */
  sinceMs: number;
  /** Any frame counts: monotonic ms of the last; null before the first. */
  lastFrameMs: number | null;
  /** Why it is not live, in words for a person; null while live. */
  reason: string | null;
  /** When the next attempt begins, monotonic ms; null unless waiting. */
  retryAtMs: number | null;
  /** Attempts that failed since the last working connection. */
  attempt: number;
  /** Times the connection was lost since the page was opened. */
  drops: number;
  /** Frames that could not be read, and why the last could not. */
  malformed: number;
  malformedReason: string | null;
}

export interface Channel {
  name: string;
  /** asked: no snapshot yet; live: every push so far continued the one before; gap: one did not, asked again; refused: will not come. */
  state: "asked" | "live" | "gap" | "refused";
  changeId: number | null;
  lastPushMs: number | null;
  reason: string | null;
  gaps: number;
  /** When it was asked for last, monotonic ms; −Infinity: not on this connection. */
  askedMs: number;
  /** Whether a refusal may be no more after a while. */
  mayAppear: boolean;
}

/** What `locate` rejects with where the engine asks for a key and there is none: trying again would not help. */
export class NotSignedIn extends Error {
  override readonly name = "NotSignedIn";
}

interface Request {
  method: string;
  channels: readonly string[];
  sentMs: number;
}

/** The engine refuses frames above 4 KiB; half of it leaves room for what JSON escapes. */
const FRAME_CHARS_MAX = 2_000;
/** Connecting takes milliseconds where it works at all. */
const CONNECT_LIMIT_MS = 8_000;
/** The engine is asked for a sign of life this often. */
export const HEARTBEAT_SECONDS = 10;
/** No frame for this long on a connection that pushes every second: it is dead, whatever the operating system thinks. */
export const SILENCE_LIMIT_MS = 12_000;
/** A connection that lived this long counts as a working one. */
const STABLE_MS = 5_000;
/** A channel that lost an update is asked for again at most this often. */
const GAP_RETRY_MS = 1_000;
/** Close code of the engine for a key that has expired or was withdrawn. */
const KEY_WITHDRAWN = 4001;
/** What does not exist may come to exist: an account does so with its first event. */
const REFUSED_RETRY_MS = 5_000;
/** JSON-RPC codes of "no such account or instrument" and "another engine has it". */
const NOT_HERE_CODES: ReadonlySet<number> = new Set([13020, 20002]);
/** A subscription that got no snapshot for this long is asked for again. */
const SNAPSHOT_LIMIT_MS = 5_000;

/**
 * Splits names into lists whose JSON stays below the frame limit. The engine subscribes to all of a list or to none, so only
 * the many channels of the market share one; each of the others stands alone.
 */
export function inFrames(channels: readonly string[]): string[][] {
  const frames: string[][] = [];
  let frame: string[] = [];
  let chars = 0;
  for (const channel of channels) {
    if (!channel.startsWith("market.")) {
      frames.push([channel]);
      continue;
    }
    const size = JSON.stringify(channel).length + 1;
    if (frame.length > 0 && chars + size > FRAME_CHARS_MAX) {
      frames.push(frame);
      frame = [];
      chars = 0;
    }
    frame.push(channel);
    chars += size;
  }
  if (frame.length > 0) frames.push(frame);
  return frames;
}

export class StreamClient {
  readonly connection: Connection;
  readonly #host: StreamHost;
  readonly #listener: StreamListener;
  readonly #channels = new Map<string, Channel>();
  readonly #requests = new Map<number, Request>();
  #socket: SocketLike | null = null;
  #attemptNumber = 0;
  #nextId = 1;
  #cancelTimer: (() => void) | null = null;
  #cancelWatch: (() => void) | null = null;
  #credentials: Credentials | null;

  /** @param credentials null: connects without a key, which an engine that asks for none accepts */
  constructor(host: StreamHost, listener: StreamListener, credentials: Credentials | null = null) {
    this.#host = host;
    this.#listener = listener;
    this.#credentials = credentials;
    this.connection = {
      phase: "stopped",
      sinceMs: host.nowMs(),
      lastFrameMs: null,
      reason: null,
      retryAtMs: null,
      attempt: 0,
      drops: 0,
      malformed: 0,
      malformedReason: null,
    };
  }

  start(): void {
    if (this.connection.phase !== "stopped") return;
    this.#connect();
  }

  stop(): void {
    this.#enter("stopped", null);
    this.#dropSocket();
  }

  /** Skips the rest of a wait: the network is back, or someone pressed "now". */
  retryNow(): void {
    if (this.connection.phase === "waiting") this.#connect();
  }

  /** Connects anew with this key; null: without one. */
  signIn(credentials: Credentials | null): void {
    this.#credentials = credentials;
    if (this.connection.phase === "stopped") return;
    this.#dropSocket();
    this.#connect();
  }

  channel(name: string): Channel | undefined {
    return this.#channels.get(name);
  }

  /** The channels someone looks at now: what is new is subscribed to, what is no longer there is given up. */
  want(names: Iterable<string>): void {
    const wanted = new Set(names);
    const gone: string[] = [];
    for (const name of this.#channels.keys()) {
      if (wanted.has(name)) continue;
      this.#channels.delete(name);
      gone.push(name);
    }
    const added: string[] = [];
    for (const name of wanted) {
      if (this.#channels.has(name)) continue;
      this.#channels.set(name, {
        name,
        state: "asked",
        changeId: null,
        lastPushMs: null,
        reason: null,
        gaps: 0,
        askedMs: Number.NEGATIVE_INFINITY,
        mayAppear: false,
      });
      added.push(name);
    }
    if (this.connection.phase !== "live") return;
    this.#ask("public/unsubscribe", gone);
    this.#ask("public/subscribe", added);
  }

  // ---- connection -------------------------------------------------------------------------------------------------

  #enter(phase: Phase, reason: string | null, retryAtMs: number | null = null): void {
    const connection = this.connection;
    if (connection.phase === "live" && phase !== "live") connection.drops++;
    connection.phase = phase;
    connection.sinceMs = this.#host.nowMs();
    connection.reason = reason;
    connection.retryAtMs = retryAtMs;
    this.#listener.onState();
  }

  #connect(): void {
    this.#cancelTimer?.();
    const number = ++this.#attemptNumber;
    this.#enter("connecting", this.connection.reason);
    this.#cancelTimer = this.#host.after(CONNECT_LIMIT_MS, () => this.#lost("the engine does not answer"));
    this.#host.locate().then(
      (url) => {
        if (number === this.#attemptNumber && this.connection.phase === "connecting") this.#open(url);
      },
      (error: unknown) => {
        if (number !== this.#attemptNumber || this.connection.phase !== "connecting") return;
        if (error instanceof NotSignedIn) this.#refuse(error.message);
        else this.#lost(error instanceof Error ? error.message : "the engine does not answer");
      },
    );
  }

  #open(url: string): void {
    let socket: SocketLike;
    try {
      socket = this.#host.openSocket(url);
    } catch (error) {
      this.#lost(error instanceof Error ? error.message : "no connection");
      return;
    }
    this.#socket = socket;
    socket.onopen = () => this.#opened();
    socket.onmessage = (text) => this.#received(text);
    socket.onclose = (code, reason) => {
      if (code === KEY_WITHDRAWN) this.#refuse(reason);
      else this.#lost(reason === "" ? "the connection was lost" : reason);
    };
  }

  #opened(): void {
    const credentials = this.#credentials;
    if (credentials === null) return this.#begin();
    this.#send(
      "public/auth",
      { grant_type: "client_credentials", client_id: credentials.id, client_secret: credentials.secret },
      [],
    );
  }

  #begin(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    this.connection.lastFrameMs = this.#host.nowMs();
    this.#enter("live", null);
    this.#send("public/set_heartbeat", { interval: HEARTBEAT_SECONDS }, []);
    for (const channel of this.#channels.values()) this.#forget(channel, "asked");
    this.#ask("public/subscribe", [...this.#channels.keys()]);
    this.#watch();
  }

  /** Looks once a second whether the line is silent or a snapshot is overdue. */
  #watch(): void {
    this.#cancelWatch?.();
    this.#cancelWatch = this.#host.after(1_000, () => {
      if (this.connection.phase !== "live") return;
      const now = this.#host.nowMs();
      if (now - (this.connection.lastFrameMs ?? now) > SILENCE_LIMIT_MS) {
        this.#lost("the stream fell silent");
        return;
      }
      this.#askOverdue(now);
      this.#watch();
    });
  }

  #askOverdue(now: number): void {
    for (const [id, request] of this.#requests) if (now - request.sentMs > SNAPSHOT_LIMIT_MS) this.#requests.delete(id);
    const overdue: string[] = [];
    const refused: string[] = [];
    for (const channel of this.#channels.values()) {
      const waitedMs = now - channel.askedMs;
      if (channel.state === "refused") {
        if (channel.mayAppear && waitedMs > REFUSED_RETRY_MS) refused.push(channel.name);
      } else if (channel.state !== "live" && waitedMs > (channel.state === "gap" ? GAP_RETRY_MS : SNAPSHOT_LIMIT_MS)) {
        overdue.push(channel.name);
      }
    }
    this.#askAgain(overdue);
    this.#ask("public/subscribe", refused);
  }

  #lost(reason: string): void {
    if (this.connection.phase === "stopped") return;
    const { connection } = this;
    // A connection that was good for a while starts the backoff anew; one that breaks at once does not.
    if (connection.phase === "live" && this.#host.nowMs() - connection.sinceMs > STABLE_MS) connection.attempt = 0;
    this.#dropSocket();
    const wait = backoffMs(connection.attempt++, this.#host.random());
    this.#enter("waiting", reason, this.#host.nowMs() + wait);
    this.#cancelTimer = this.#host.after(wait, () => this.#connect());
  }

  #dropSocket(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    this.#cancelWatch?.();
    this.#cancelWatch = null;
    this.#attemptNumber++;
    this.#requests.clear();
    const socket = this.#socket;
    this.#socket = null;
    if (socket === null) return;
    socket.onopen = null;
    socket.onmessage = null;
    socket.onclose = null;
    socket.close();
  }

  // ---- requests ---------------------------------------------------------------------------------------------------

  #send(method: string, params: Record<string, unknown>, channels: readonly string[]): void {
    const socket = this.#socket;
    if (socket === null) return;
    const id = this.#nextId++;
    this.#requests.set(id, { method, channels, sentMs: this.#host.nowMs() });
    socket.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
  }

  #ask(method: "public/subscribe" | "public/unsubscribe", channels: readonly string[]): void {
    const now = this.#host.nowMs();
    for (const frame of inFrames(channels)) {
      for (const name of frame) {
        const channel = this.#channels.get(name);
        if (channel !== undefined && method === "public/subscribe") channel.askedMs = now;
      }
      this.#send(method, { channels: frame }, frame);
    }
  }

  #askAgain(channels: readonly string[]): void {
    this.#ask("public/unsubscribe", channels);
    this.#ask("public/subscribe", channels);
  }

  #forget(channel: Channel, state: Channel["state"]): void {
    channel.state = state;
    channel.changeId = null;
    channel.reason = null;
  }

  // ---- frames -----------------------------------------------------------------------------------------------------

  #received(text: string): void {
    const now = this.#host.nowMs();
    this.connection.lastFrameMs = now;
    const frame = readFrame(text);
    switch (frame.kind) {
      case "push":
        this.#pushed(frame.channel, frame.data, now);
        return;
      case "reply":
        this.#replied(frame);
        return;
      case "heartbeat":
        if (frame.answerWanted) this.#send("public/test", {}, []);
        return;
      case "malformed":
        // If it was a push, the next one of its channel will not continue the last: the change ids tell.
        this.connection.malformed++;
        this.connection.malformedReason = frame.reason;
        this.#listener.onState();
    }
  }

  #pushed(name: string, data: Record<string, unknown>, now: number): void {
    const channel = this.#channels.get(name);
    if (channel === undefined) return;
    const head = readHead(data);
    if (head === null) {
      this.#gap(channel, "an update could not be read");
      return;
    }
    const verdict = judge(channel.changeId, channel.state !== "live", head);
    if (verdict === "late") return;
    if (verdict === "gap") {
      this.#gap(channel, "an update went missing");
      return;
    }
    const refusal = this.#listener.onPush(name, head.type, data, now);
    if (refusal !== null) {
      this.#gap(channel, refusal);
      return;
    }
    const began = channel.state !== "live";
    channel.changeId = head.changeId;
    channel.state = "live";
    channel.reason = null;
    channel.lastPushMs = now;
    if (began) this.#listener.onState();
  }

  /** What is shown no longer follows from what was sent: say so, and ask for a snapshot. */
  #gap(channel: Channel, reason: string): void {
    this.#forget(channel, "gap");
    channel.reason = reason;
    channel.gaps++;
    if (this.#host.nowMs() - channel.askedMs > GAP_RETRY_MS) this.#askAgain([channel.name]);
    this.#listener.onState();
  }

  #replied(reply: Reply): void {
    const request = this.#requests.get(reply.id);
    if (request === undefined) return;
    this.#requests.delete(reply.id);
    if (request.method === "public/auth") {
      if (reply.error === null) this.#begin();
      else this.#refuse(reply.error.message);
      return;
    }
    if (request.method !== "public/subscribe") return;
    if (reply.error !== null) {
      // One bad name refuses a whole request: the others are asked for one by one.
      if (request.channels.length > 1) for (const name of request.channels) this.#ask("public/subscribe", [name]);
      else this.#refuseChannel(request.channels[0]!, reply.error.message, NOT_HERE_CODES.has(reply.error.code));
    }
  }

  #refuse(reason: string): void {
    this.#dropSocket();
    this.#enter("refused", reason);
  }

  #refuseChannel(name: string, reason: string, mayAppear: boolean): void {
    const channel = this.#channels.get(name);
    if (channel === undefined) return;
    this.#forget(channel, "refused");
    channel.reason = reason;
    channel.mayAppear = mayAppear;
    this.#listener.onState();
  }
}
