// An API key as a person has it, "<id>.<secret>", and where the tab keeps it.
import type { Credentials } from "../wire/stream";

const KEY = /^([A-Za-z0-9_-]{1,64})\.([A-Za-z0-9_-]{43})$/;
const STORED = "plimsoll.key";

/** null where it cannot be a key. */
export function parseKey(text: string): Credentials | null {
  const match = KEY.exec(text.trim());
  return match === null ? null : { id: match[1]!, secret: match[2]! };
}

type Storage = Pick<globalThis.Storage, "getItem" | "setItem" | "removeItem">;

export function rememberKey(storage: Storage, credentials: Credentials): void {
  try {
    storage.setItem(STORED, `${credentials.id}.${credentials.secret}`);
  } catch {
    // A browser that stores nothing asks again after a reload.
  }
}

export function rememberedKey(storage: Storage): Credentials | null {
  try {
    return parseKey(storage.getItem(STORED) ?? "");
  } catch {
    return null;
  }
}
