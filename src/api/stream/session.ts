// One client of the stream: what it is owed and how much of it may be on the way.
//
// A session never queues numbers. It keeps a set of channels in which it is behind; when the socket takes more, each of
// them is asked for the frame that brings this client up to date. A healthy client goes the same way: it is behind for
// the length of one tick.

import type { Principal } from "../auth/access";
import {
  STREAM_HOLD_BYTES,
  STREAM_PING_EVERY_BYTES,
  STREAM_REQUEST_BURST,
  STREAM_REQUESTS_PER_SECOND,
  STREAM_WINDOW_BYTES,
} from "../limits";
import type { Channel, Subscription } from "./channel";
import type { StreamSocket } from "./transport";

export interface SessionCounters {
  frames: number;
  bytes: number;
  /** Flushes that stopped because the client was behind. */
  held: number;
}

export class Session {
  readonly subscriptions = new Map<string, Subscription>();
  /** Monotonic ns of the last frame or pong. */
  lastSeenNs: number;
  /** Seconds; 0: none asked for. */
  heartbeatSeconds = 0;
  heartbeatDueNs = 0;
  /** The client was asked for public/test and has not said anything since. */
  testAwaited = false;
  /** Something came since the last heartbeat. */
  spoke = true;
  refusedRequests = 0;
  closed = false;
  readonly #pending = new Set<Subscription>();
  #sentBytes = 0;
  #pingedBytes = 0;
  #readBytes = 0;
  #tokens = STREAM_REQUEST_BURST;
  #tokensNs: number;

  constructor(
    readonly socket: StreamSocket,
    public principal: Principal | null,
    private readonly counters: SessionCounters,
    nowNs: number,
  ) {
    this.lastSeenNs = nowNs;
    this.#tokensNs = nowNs;
  }

  /** Channels in which the client is behind. */
  get pendingCount(): number {
    return this.#pending.size;
  }

  /** Bytes sent that the client is not known to have read. */
  get unreadBytes(): number {
    return this.#sentBytes - this.#readBytes;
  }

  owe(subscription: Subscription): void {
    this.#pending.add(subscription);
  }

  drop(channel: Channel): void {
    const subscription = this.subscriptions.get(channel.name);
    if (subscription === undefined) return;
    this.subscriptions.delete(channel.name);
    this.#pending.delete(subscription);
    channel.current.delete(subscription);
  }

  #mayPush(): boolean {
    return !this.closed && this.unreadBytes <= STREAM_WINDOW_BYTES && this.socket.bufferedBytes() <= STREAM_HOLD_BYTES;
  }

  /** Sends what is owed, as far as the client keeps up. */
  flush(): void {
    if (this.#pending.size === 0 || this.closed) return;
    if (!this.#mayPush()) {
      this.counters.held++;
      this.#measure();
      return;
    }
    this.socket.cork(() => {
      for (const subscription of this.#pending) {
        if (!this.#mayPush()) {
          this.counters.held++;
          break;
        }
        const frame = subscription.channel.frameFor(subscription);
        if (frame !== null) {
          if (!this.#send(frame.bytes, frame.bytes.byteLength)) break;
          subscription.lastChangeId = frame.changeId;
        }
        // Put back at the end of the set, a channel that owes more comes again after the others had their turn.
        this.#pending.delete(subscription);
        if (frame?.more) this.#pending.add(subscription);
        else subscription.channel.current.add(subscription);
      }
    });
    this.#measure();
  }

  /** An answer or heartbeat: not held back. @returns false where the client reads so little that it must go */
  reply(text: string): boolean {
    return this.#send(text, Buffer.byteLength(text));
  }

  #send(frame: string | Uint8Array, bytes: number): boolean {
    if (this.closed || this.socket.send(frame) === "refused") return false;
    this.#sentBytes += bytes;
    this.counters.frames++;
    this.counters.bytes += bytes;
    return true;
  }

  /** Asks by a ping how far the client has read, once enough was sent since the last one. */
  #measure(): void {
    if (!this.closed && this.#sentBytes - this.#pingedBytes >= STREAM_PING_EVERY_BYTES) this.ping();
  }

  /** The payload is the number of bytes sent before it: the pong says that those have been read. */
  ping(): void {
    if (this.socket.ping(String(this.#sentBytes)) !== "refused") this.#pingedBytes = this.#sentBytes;
  }

  pong(payload: string): void {
    const readBytes = /^[0-9]{1,15}$/.test(payload) ? Number(payload) : -1;
    // A pong that was not asked for, or an old one, says nothing.
    if (readBytes > this.#readBytes && readBytes <= this.#pingedBytes) this.#readBytes = readBytes;
  }

  /** Takes one request from the client's allowance. */
  takeRequest(nowNs: number): boolean {
    const refill = ((nowNs - this.#tokensNs) / 1e9) * STREAM_REQUESTS_PER_SECOND;
    this.#tokens = Math.min(STREAM_REQUEST_BURST, this.#tokens + refill);
    this.#tokensNs = nowNs;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
