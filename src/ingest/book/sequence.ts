// Whether a delta continues a book: one rule for every venue, on ids alone. Pure.
//
// A delta carries the changes of updates `firstId … lastId` and says which update of this book came before it (`prevId`).
// USD-M and COIN-M derivatives say so themselves (`pu`; their ids are shared by all symbols, so `firstId` may be far above
// it); spot numbers without holes, so there `prevId` is `firstId − 1`.
//
//   after a snapshot of update S:  lastId ≤ S            old news, drop
//                                  prevId ≤ S < lastId   straddles the snapshot, apply
//                                  prevId > S            something is missing, gap
//   after a delta that ended at L: lastId ≤ L            a repeat, drop
//                                  prevId = L            apply
//                                  else                  gap
//
// For derivatives Binance words the first rule with `firstId ≤ S`; no update of the symbol lies between `prevId` and `firstId`,
// so `prevId ≤ S` is the same rule without refusing a snapshot taken in that hole.

export type Continuation = "apply" | "drop" | "gap";

/**
 * @param bookId   update the book is at
 * @param anchored whether a delta was applied since the snapshot
 */
export function continuation(bookId: number, anchored: boolean, prevId: number, lastId: number): Continuation {
  if (lastId <= bookId) return "drop";
  if (anchored ? prevId === bookId : prevId <= bookId) return "apply";
  return "gap";
}
