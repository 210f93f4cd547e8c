// What came after refused account messages in their partition: whether their very bytes are there again, and how far their
// accounts' sequence numbers have moved on. The ledger takes a missing number while it is among the last 64 below the account's
// highest (docs/ledger.md); what is older would be written for nothing.
import { AccountEventKind } from "../../../schemas/generated";
import { AccountEventAt } from "../../../schemas/generated/offsets";
import { VerifiedBatch, VerifyCode, verifyAccounts } from "../../ingest/verify";
import type { Letter } from "./letters";
import type { LogReader } from "./log-reader";

/** As in src/shards/kernel/ledger.ts. */
const WINDOW = 64;
const TWO_32 = 2 ** 32;

/** What the log says of one letter. */
export interface AccountFindings {
  /** The message at the letter's own place; null where the log does not hold it any more. */
  original: { key: Buffer | null; isSame: boolean } | null;
  /** Offset at which the same bytes stand again and were not refused. */
  copyOffset: number | null;
  events: number;
  /** Events that came in another message too. */
  repeated: number;
  /** Events the ledger would pass over, and a sentence about the first of them. */
  late: number;
  firstLate: string;
  /** Settlements that would be applied, to positions as they are now. */
  settlements: number;
}

/** One account's numbers, or those of one kind of settlement of one instrument. */
interface Sequence {
  high: number;
  /** Numbers that a letter has → whether they came outside of a letter too. */
  came: Map<number, boolean>;
}

const verified = new VerifiedBatch();

/** Visits the events of a message; none where it is not whole. `id`: the account, or the instrument of a settlement. */
function eachEvent(payload: Uint8Array, visit: (settlement: number, id: number, seq: number) => void): void {
  if (verifyAccounts(payload, verified) !== VerifyCode.Ok) return;
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const first = verified.offsets[0];
  for (let i = 0, at = first; i < verified.counts[0]; i++, at += AccountEventAt.bytes) {
    const seq = view.getUint32(at + AccountEventAt.seq + 4, true) * TWO_32 + view.getUint32(at + AccountEventAt.seq, true);
    const kind = view.getUint8(at + AccountEventAt.kind);
    if (kind === AccountEventKind.FundingSettlement || kind === AccountEventKind.ExpirySettlement)
      visit(kind, view.getUint32(at + AccountEventAt.instrument, true), seq);
    else
      visit(
        0,
        view.getUint32(at + AccountEventAt.account + 4, true) * TWO_32 + view.getUint32(at + AccountEventAt.account, true),
        seq,
      );
  }
}

export class AccountScan {
  private readonly originals = new Map<Letter, NonNullable<AccountFindings["original"]>>();
  private readonly copies = new Map<Letter, number>();
  /** By kind of settlement (0: none), then by account or instrument. */
  private readonly sequences = new Map<number, Map<number, Sequence>>();

  private constructor(private readonly payloads: ReadonlyMap<Letter, Buffer>) {}

  /**
   * Reads one partition from the first of these letters to the end.
   *
   * @param payloads of the letters, at least one, all of this partition
   * @param refused  offsets of every letter of this partition: those messages were not applied
   */
  static async read(
    reader: LogReader,
    topic: string,
    partition: number,
    payloads: ReadonlyMap<Letter, Buffer>,
    refused: ReadonlySet<number>,
    progress?: (share: number) => void,
  ): Promise<AccountScan> {
    const scan = new AccountScan(payloads);
    const bySize = new Map<number, Letter[]>();
    const byOffset = new Map<number, Letter>();
    for (const [letter, payload] of payloads) {
      byOffset.set(letter.place.offset, letter);
      bySize.set(payload.length, [...(bySize.get(payload.length) ?? []), letter]);
      eachEvent(payload, (settlement, id, seq) => scan.sequence(settlement, id).came.set(seq, false));
    }
    await reader.read(
      topic,
      [{ partition, from: Math.min(...byOffset.keys()), to: Number.MAX_SAFE_INTEGER }],
      ({ offset, key, payload }) => {
        const own = byOffset.get(offset);
        if (own !== undefined)
          scan.originals.set(own, { key, isSame: (payload ?? Buffer.alloc(0)).equals(payloads.get(own) as Buffer) });
        if (payload === null || refused.has(offset)) return;
        for (const letter of bySize.get(payload.length) ?? [])
          if (letter.place.offset < offset && payload.equals(payloads.get(letter) as Buffer)) scan.copies.set(letter, offset);
        scan.note(payload);
      },
      progress,
    );
    return scan;
  }

  private sequence(settlement: number, id: number): Sequence {
    let byId = this.sequences.get(settlement);
    if (byId === undefined) this.sequences.set(settlement, (byId = new Map()));
    let sequence = byId.get(id);
    if (sequence === undefined) byId.set(id, (sequence = { high: 0, came: new Map() }));
    return sequence;
  }

  private note(payload: Uint8Array): void {
    eachEvent(payload, (settlement, id, seq) => {
      const sequence = this.sequences.get(settlement)?.get(id);
      if (sequence === undefined) return;
      if (seq > sequence.high) sequence.high = seq;
      if (sequence.came.has(seq)) sequence.came.set(seq, true);
    });
  }

  /** The letter is written again: letters after it find its events in the log. */
  written(letter: Letter): void {
    this.note(this.payloads.get(letter) as Buffer);
  }

  findings(letter: Letter): AccountFindings {
    const findings: AccountFindings = {
      original: this.originals.get(letter) ?? null,
      copyOffset: this.copies.get(letter) ?? null,
      events: 0,
      repeated: 0,
      late: 0,
      firstLate: "",
      settlements: 0,
    };
    eachEvent(this.payloads.get(letter) as Buffer, (settlement, id, seq) => {
      findings.events++;
      const { high, came } = this.sequence(settlement, id);
      // A settlement's number must be above the last; an account's may be one of the 64 below it.
      const isLate = settlement !== 0 ? seq <= high : high - seq > WINDOW;
      if (came.get(seq) === true) findings.repeated++;
      else if (!isLate) findings.settlements += settlement !== 0 ? 1 : 0;
      else if (findings.late++ === 0) {
        const whose = settlement === 0 ? `account ${id}` : `${settlementName(settlement)} of instrument ${id}`;
        findings.firstLate = `${whose} has come to number ${high}; ${seq} is too far behind for the ledger to take it`;
      }
    });
    return findings;
  }
}

function settlementName(kind: number): string {
  return kind === AccountEventKind.FundingSettlement ? "the funding" : "the expiry";
}
