// The order of a table that is re-sorted many times a second, held still while someone points at it: nobody should open the
// wrong account because two rows changed places under the cursor.

/**
 * @param shown ids in the order last shown
 * @param incoming ids in the order the engine sent
 * @param held true while a pointer or the focus is in the table
 * @returns held: the ids still there in the order shown, new ones after them; otherwise `incoming`
 */
export function heldOrder(shown: readonly string[], incoming: readonly string[], held: boolean): readonly string[] {
  if (!held || shown.length === 0) return incoming;
  const present = new Set(incoming);
  const kept = shown.filter((id) => present.has(id));
  const known = new Set(kept);
  return [...kept, ...incoming.filter((id) => !known.has(id))];
}
