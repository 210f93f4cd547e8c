// From a message of `reference` to the market table: assets first, then margin tables with their tiers, instruments,
// groups, so that one message may bring an instrument together with all it refers to. Main thread.
import { AccountGroupAt, AssetAt, InstrumentAt, MarginTableAt, MarginTierAt } from "../../schemas/generated/offsets";
import { ReferenceVector } from "../shared/wire/batch-layout";
import type { Refused } from "./account-lane";
import type { MarketTable, Refusal } from "./market-table";
import { AlignedMessage, checkReferenceBatch, lastReason, VERIFY_CODES, VerifiedBatch, verifyReference } from "./verify";

const verified = new VerifiedBatch();
const message = new AlignedMessage();

/** What the market table refuses: something it refers to is not known, or a contract would change its terms. */
export const REFERENCE_REFUSED = "reference-refused";

export class ReferenceLane {
  events = 0;

  constructor(private readonly table: MarketTable) {}

  /** Null where the message was taken; what comes after a record the table refuses is not. */
  take(payload: Uint8Array): Refused | null {
    let code = verifyReference(payload, verified);
    if (code !== 0) return { code: VERIFY_CODES[code].name, reason: VERIFY_CODES[code].meaning };
    message.load(payload);
    code = checkReferenceBatch(message, verified);
    if (code !== 0) return { code: VERIFY_CODES[code].name, reason: lastReason() };
    const refusal =
      this.each(ReferenceVector.assets, AssetAt.bytes, (at) => this.table.asset(message, at)) ??
      this.each(ReferenceVector.marginTables, MarginTableAt.bytes, (at) =>
        this.table.marginTable(message, at, this.tiersOf(at)),
      ) ??
      this.each(ReferenceVector.instruments, InstrumentAt.bytes, (at) => this.table.instrument(message, at)) ??
      this.each(ReferenceVector.accountGroups, AccountGroupAt.bytes, (at) => this.table.accountGroup(message, at));
    return refusal === null ? null : { code: REFERENCE_REFUSED, reason: refusal };
  }

  /**
   * Takes what the table refused where it stood in the log: compaction also changes the order, and an asset that was published
   * again stands behind the instruments that name it. Once all is read it is tried again, as long as that helps.
   *
   * @returns what is refused for good, in order, and why
   */
  takeHeld<T extends { readonly payload: Uint8Array | null }>(held: readonly T[]): Map<T, Refused> {
    for (let left = held; ; ) {
      const refusals = new Map<T, Refused>();
      for (const each of left) {
        const refused = this.take(each.payload as Uint8Array);
        if (refused !== null) refusals.set(each, refused);
      }
      if (refusals.size === 0 || refusals.size === left.length) return refusals;
      left = [...refusals.keys()];
    }
  }

  private tiersOf(tableAt: number): number[] {
    const id = message.i32[(tableAt + MarginTableAt.id) / 4];
    const tiers: number[] = [];
    const first = verified.offsets[ReferenceVector.marginTiers];
    for (let i = 0; i < verified.counts[ReferenceVector.marginTiers]; i++) {
      const at = first + i * MarginTierAt.bytes;
      if (message.i32[(at + MarginTierAt.table) / 4] === id) tiers.push(at);
    }
    return tiers;
  }

  private each(vector: ReferenceVector, bytes: number, write: (at: number) => Refusal): Refusal {
    const first = verified.offsets[vector];
    for (let i = 0; i < verified.counts[vector]; i++) {
      const refusal = write(first + i * bytes);
      if (refusal !== null) return refusal;
      this.events++;
    }
    return null;
  }
}
