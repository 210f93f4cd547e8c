// From a message of `accounts` to the ring of its shard: verify, copy, check, publish. One lane a partition. Main thread;
// it is the only producer of the ring.
//
// The structs go into the ring's free records first and are checked there, aligned; only then does one atomic store make
// them visible. A message is taken whole or not at all.
import { AccountEventAt } from "../../schemas/generated/offsets";
import { monotonicNs } from "../shared/clock";
import { faultPoint } from "../shared/fault-points";
import { BATCH_RECORD_KIND, BatchRecordAt, ControlAt } from "../shared/layout/shard";
import { KERNEL_RESERVED_BYTES } from "../shared/limits";
import { RingProducer } from "../shared/ring";
import { putInt64 } from "../shared/wire/int64";
import {
  checkAccountEvents,
  type InstrumentLookup,
  lastCode,
  lastFault,
  lastReason,
  VERIFY_CODES,
  VerifiedBatch,
  VerifyCode,
  verifyAccounts,
} from "./verify";

/**
 * What became of a message. `full`: nothing happened, offer it again when the shard has read. `unknown`: nothing happened; it
 * names an instrument or asset that is not known, see offer().
 */
export type Taken = "published" | "full" | "unknown" | Refused;

export interface Refused {
  code: string;
  reason: string;
}

const verified = new VerifiedBatch();

export class AccountLane {
  private readonly ring: RingProducer;
  private readonly bytes: Uint8Array;
  private readonly words: Int32Array;
  private readonly doubles: Float64Array;
  /** Events published so far. */
  events = 0;

  constructor(
    readonly memory: SharedArrayBuffer,
    private readonly known: InstrumentLookup,
  ) {
    this.bytes = new Uint8Array(memory);
    this.words = new Int32Array(memory);
    this.doubles = new Float64Array(memory);
    this.ring = new RingProducer(memory, this.words[(KERNEL_RESERVED_BYTES + ControlAt.inputRing) / 4] >>> 0);
  }

  /**
   * @param patient what names something unknown is not refused: it may only be ahead of the reference data, which comes from
   *   another topic. Offer it again, not patient, when that was read to its end.
   */
  offer(payload: Uint8Array, offset: number, patient = false): Taken {
    const code = verifyAccounts(payload, verified);
    if (code !== 0) return this.refuse(offset, VERIFY_CODES[code].name, VERIFY_CODES[code].meaning);
    const count = verified.counts[0];
    if (!this.ring.hasRoom(count + 1)) {
      this.ring.countWait();
      return "full";
    }
    // The header record takes the first place; the events follow, in two pieces where the ring turns round.
    const first = verified.offsets[0];
    const untilWrap = this.ring.untilWrap() - 1;
    const head = Math.min(untilWrap, count);
    for (let piece = 0; piece < 2; piece++) {
      const from = piece === 0 ? 0 : head;
      const length = piece === 0 ? head : count - head;
      if (length === 0) continue;
      const at = this.ring.recordOffset(1 + from);
      const start = first + from * AccountEventAt.bytes;
      this.bytes.set(payload.subarray(start, start + length * AccountEventAt.bytes), at);
      const bad = checkAccountEvents(this.words, at, length, this.known);
      if (bad >= 0) {
        const code = lastCode();
        if (patient && (code === VerifyCode.UnknownInstrument || code === VerifyCode.UnknownAsset)) return "unknown";
        // The second piece counts from where the ring turned round.
        const where = from > 0 ? ` (event ${from + lastFault.index} of the message)` : "";
        return this.refuse(offset, VERIFY_CODES[code].name, lastReason() + where);
      }
    }
    this.header(offset, count);
    faultPoint("ring-publish");
    this.ring.publish(count + 1);
    faultPoint("ring-published");
    this.events += count;
    return "published";
  }

  /** A message of this partition that brings no events: the shard's position still goes past it. False: no room now. */
  skip(offset: number): boolean {
    if (!this.ring.hasRoom(1)) return false;
    this.header(offset, 0);
    this.ring.publish(1);
    return true;
  }

  /** Whether half of the ring is free: time to go on after it was full. */
  hasDrained(): boolean {
    return this.ring.hasRoom(this.ring.recordCount >> 1);
  }

  private refuse(offset: number, code: string, reason: string): Refused | "full" {
    // The position moves past what is refused, so that a restart does not stop at it.
    return this.skip(offset) ? { code, reason } : "full";
  }

  private header(offset: number, count: number): void {
    const at = this.ring.recordOffset(0);
    this.bytes.fill(0, at, at + BatchRecordAt.bytes);
    putInt64(this.words, (at + BatchRecordAt.offset) / 4, offset);
    this.doubles[(at + BatchRecordAt.receivedNs) / 8] = monotonicNs();
    this.words[(at + BatchRecordAt.count) / 4] = count;
    this.bytes[at + AccountEventAt.kind] = BATCH_RECORD_KIND;
  }
}
