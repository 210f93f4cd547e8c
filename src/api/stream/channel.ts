// A channel of the stream: what it says, and to whom. The state of a channel is rendered once a tick, whoever listens; a
// frame is built once for all who are at the same change, and apart only for those who were slow.
//
// Ids: `change_id` rises by one with every change of the channel. A subscriber's frames form one unbroken chain: the
// `prev_change_id` of each is the `change_id` of the one before it.
import { wallMs } from "../../shared/clock";
import type { AlertLog } from "../alert-log";
import { ALERTS_IN_SNAPSHOT, ALERTS_PER_PUSH_MAX } from "../limits";
import type { Session } from "./session";

export interface Frame {
  bytes: Uint8Array;
  changeId: number;
  /** More is owed than fits this frame. */
  more: boolean;
}

/** One client's place in one channel. */
export interface Subscription {
  readonly channel: Channel;
  readonly session: Session;
  /** `change_id` of the last frame sent; 0 before the first. */
  lastChangeId: number;
}

export type PushType = "snapshot" | "change" | "resync" | "unavailable";

export abstract class Channel {
  /** The current change; 0: nothing to say yet. */
  changeId = 0;
  /**
   * Subscribers that have all there is. Those that are behind are not in it: a change adds nothing to what they are owed,
   * so a thousand stalled clients cost a change nothing.
   */
  readonly current = new Set<Subscription>();
  readonly #head: string;

  constructor(readonly name: string) {
    this.#head = `{"jsonrpc":"2.0","method":"subscription","params":{"channel":${JSON.stringify(name)},"data":{"type":"`;
  }

  /**
   * Looks at the rows.
   *
   * @param nowNs  monotonic
   * @returns true where there is a new change to send
   */
  abstract poll(nowNs: number): boolean;

  /** What `subscription` must be sent to be up to date, or null where it is. */
  abstract frameFor(subscription: Subscription): Frame | null;

  /**
   * @param previous  0: the first frame, which has no prev_change_id
   * @param members   the rest of `data`: JSON members without braces; "" for none
   */
  protected encode(type: PushType, changeId: number, previous: number, members: string): Uint8Array {
    const link = previous === 0 ? "" : `,"prev_change_id":${previous}`;
    const rest = members === "" ? "" : `,${members}`;
    return Buffer.from(`${this.#head}${type}","timestamp":${wallMs()},"change_id":${changeId}${link}${rest}}}}`, "utf8");
  }
}

/** The members of a JSON object: `{"a":1}` gives `"a":1`. Non-finite numbers are written as null by JSON.stringify. */
export function membersOf(object: object): string {
  return JSON.stringify(object).slice(1, -1);
}

/** What a source says about its state. */
export interface Rendered {
  /** JSON members: the whole state. */
  whole: string;
  /** JSON members: what differs from the state before, where that is less than the whole. */
  difference?: string;
  /** The thing is not here; `whole` says which and why. */
  unavailable?: boolean;
}

/** Where a state channel's state comes from. `null`: nothing new. */
export interface StateSource {
  poll(nowNs: number): Rendered | null;
}

/**
 * A channel of state: only the latest counts. Who missed a change gets the whole latest state, as a snapshot that
 * continues his chain.
 */
export class StateChannel extends Channel {
  readonly #source: StateSource;
  #state: Rendered = { whole: "" };
  /** The change before the current one, which a `change` frame continues; 0: the current one begins anew. */
  #previous = 0;
  #changeFrame: Frame | null = null;
  #firstFrame: Frame | null = null;

  /** @param firstId  where its ids begin, so that they rise also over a time in which nobody listened */
  constructor(
    name: string,
    source: StateSource,
    private readonly firstId: number,
  ) {
    super(name);
    this.#source = source;
  }

  override poll(nowNs: number): boolean {
    const rendered = this.#source.poll(nowNs);
    if (rendered === null) return false;
    // After an absence everybody begins anew, with a snapshot.
    const continues = this.changeId !== 0 && rendered.unavailable !== true && this.#state.unavailable !== true;
    this.#previous = continues ? this.changeId : 0;
    this.changeId = this.changeId === 0 ? this.firstId : this.changeId + 1;
    this.#state = rendered;
    this.#changeFrame = null;
    this.#firstFrame = null;
    return true;
  }

  override frameFor(subscription: Subscription): Frame | null {
    const { changeId } = this;
    const { lastChangeId } = subscription;
    if (changeId === 0 || lastChangeId === changeId) return null;
    const { whole, difference, unavailable } = this.#state;
    if (lastChangeId !== 0 && lastChangeId === this.#previous) {
      this.#changeFrame ??= {
        bytes: this.encode("change", changeId, lastChangeId, difference ?? whole),
        changeId,
        more: false,
      };
      return this.#changeFrame;
    }
    const type = unavailable === true ? "unavailable" : "snapshot";
    if (lastChangeId !== 0) return { bytes: this.encode(type, changeId, lastChangeId, whole), changeId, more: false };
    this.#firstFrame ??= { bytes: this.encode(type, changeId, 0, whole), changeId, more: false };
    return this.#firstFrame;
  }
}

/**
 * A channel of events: each counts, in order. Who was slow gets what he missed as long as the log reaches back, and is
 * told how many are gone when it does not. `change_id` is the number of the last alert a frame covers, plus one.
 */
export class EventChannel extends Channel {
  #shared: { from: number; frame: Frame } | null = null;

  constructor(
    name: string,
    private readonly log: AlertLog,
  ) {
    super(name);
    this.changeId = log.lastSeq + 1;
  }

  override poll(): boolean {
    const changed = this.changeId !== this.log.lastSeq + 1;
    this.changeId = this.log.lastSeq + 1;
    if (changed) this.#shared = null;
    return changed;
  }

  override frameFor(subscription: Subscription): Frame | null {
    const { log, changeId } = this;
    const { lastChangeId } = subscription;
    if (lastChangeId === changeId) return null;
    if (this.#shared?.from === lastChangeId) return this.#shared.frame;
    const newestSeq = changeId - 1;
    let frame: Frame;
    if (lastChangeId === 0) {
      const entries = log.after(Math.max(0, newestSeq - ALERTS_IN_SNAPSHOT), ALERTS_IN_SNAPSHOT);
      frame = this.#frame("snapshot", changeId, 0, entries, 0);
    } else {
      const seenSeq = lastChangeId - 1;
      const missed = Math.max(0, log.firstSeq - 1 - seenSeq);
      const entries = log.after(seenSeq, ALERTS_PER_PUSH_MAX);
      const reached = (entries.at(-1)?.seq ?? newestSeq) + 1;
      frame = this.#frame(missed > 0 ? "resync" : "change", reached, lastChangeId, entries, missed);
    }
    this.#shared = { from: lastChangeId, frame };
    return frame;
  }

  #frame(type: PushType, changeId: number, previous: number, entries: readonly { json: string }[], missed: number): Frame {
    const alerts = `"alerts":[${entries.map((entry) => entry.json).join(",")}]`;
    const members = missed > 0 ? `"missed":${missed},${alerts}` : alerts;
    return { bytes: this.encode(type, changeId, previous, members), changeId, more: changeId < this.changeId };
  }
}
