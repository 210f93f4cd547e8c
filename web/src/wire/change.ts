// The change-id rule of the live stream: a snapshot replaces what is shown; any other push must continue the one before it, or
// something was lost in between and the channel has to be asked for again.

/** `type` of a push, see docs/api.md. */
export type PushType = "snapshot" | "change" | "resync" | "unavailable";

export interface PushHead {
  type: PushType;
  changeId: number;
  prevChangeId: number | null;
}

/** What to do with a push. */
export type Verdict = "apply" | "late" | "gap";

/** Reads the head of a push's data; null where it has none that can be understood. A push without `prev_change_id` is a snapshot. */
export function readHead(data: Record<string, unknown>): PushHead | null {
  const changeId = data.change_id;
  const prevChangeId = data.prev_change_id ?? null;
  if (typeof changeId !== "number" || !Number.isSafeInteger(changeId)) return null;
  if (prevChangeId !== null && (typeof prevChangeId !== "number" || !Number.isSafeInteger(prevChangeId))) return null;
  switch (data.type) {
    case "snapshot":
    case "change":
    case "resync":
    case "unavailable":
      return { type: data.type, changeId, prevChangeId };
    case undefined:
      return { type: prevChangeId === null ? "snapshot" : "change", changeId, prevChangeId };
    default:
      return null;
  }
}

/**
 * @param last change id of the push applied last on this channel; null before the first, and after a gap until the next snapshot
 * @param awaiting true while a new subscription is under way: what still arrives from the old one is "late" and is dropped
 */
export function judge(last: number | null, awaiting: boolean, head: PushHead): Verdict {
  // Both replace all there was, so nothing can be missing before them.
  if (head.type === "snapshot" || head.type === "unavailable") return "apply";
  if (awaiting) return "late";
  return last !== null && head.prevChangeId === last && head.changeId !== last ? "apply" : "gap";
}
