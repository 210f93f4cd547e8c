// API keys. A key is `<id>.<secret>`; the secret is 256 random bits in base64url, and only its SHA-256 is stored: with
// that much entropy there is nothing a slow hash would protect. The file:
//   { "keys": [ { "id": "desk-1", "sha256": "<64 hex digits>", "scopes": ["read:all"], "expires": "2027-01-01T00:00:00Z" } ] }
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { ApiError, ApiStartError } from "../errors";
import { KEY_SECRET_BYTES, KEYS_FILE_BYTES_MAX, KEYS_MAX } from "../limits";
import { isScope, type Principal } from "./access";

export interface KeyEntry {
  id: string;
  /** SHA-256 of the secret's text, hex. */
  sha256: string;
  scopes: string[];
  /** ISO 8601 with an offset; null or left out: never. */
  expires?: string | null;
}

const KEY_ID = /^[A-Za-z0-9_-]{1,64}$/;
const SECRET = /^[A-Za-z0-9_-]{43}$/;
const ISO_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})$/;
const FIELDS = new Set(["id", "sha256", "scopes", "expires"]);
/** Compared with when the id is unknown, so that an unknown id takes as long as a wrong secret. */
const NO_HASH = Buffer.alloc(32);

interface StoredKey extends Principal {
  hash: Buffer;
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text, "utf8").digest();
}

/** A new key: the secret, which is shown once and not kept, and the entry for the file. */
export function generateKey(id: string, scopes: string[], expires: string | null = null): { secret: string; entry: KeyEntry } {
  const secret = randomBytes(KEY_SECRET_BYTES).toString("base64url");
  const entry = { id, sha256: sha256(secret).toString("hex"), scopes, expires };
  parseEntry(entry, 0);
  return { secret, entry };
}

function parseEntry(entry: unknown, at: number): StoredKey {
  const where = `keys[${at}]`;
  if (typeof entry !== "object" || entry === null || Array.isArray(entry)) throw new Error(`${where} is not an object`);
  const { id, sha256: hex, scopes, expires } = entry as Record<string, unknown>;
  for (const field of Object.keys(entry)) if (!FIELDS.has(field)) throw new Error(`${where}.${field} is not a known field`);
  if (typeof id !== "string" || !KEY_ID.test(id)) throw new Error(`${where}.id: 1 to 64 of A-Z a-z 0-9 _ -`);
  if (typeof hex !== "string" || !/^[0-9a-f]{64}$/.test(hex)) throw new Error(`${where}.sha256: 64 lower-case hex digits`);
  if (!Array.isArray(scopes) || scopes.length === 0) throw new Error(`${where}.scopes: a list of at least one scope`);
  for (const scope of scopes) {
    if (typeof scope !== "string" || !isScope(scope)) {
      throw new Error(`${where}.scopes: read:all, read:account:<id> or admin, not ${JSON.stringify(scope)}`);
    }
  }
  let expiresMs: number | null = null;
  if (expires !== undefined && expires !== null) {
    expiresMs = typeof expires === "string" && ISO_TIME.test(expires) ? Date.parse(expires) : Number.NaN;
    if (!Number.isFinite(expiresMs)) throw new Error(`${where}.expires: a time such as 2027-01-01T00:00:00Z`);
  }
  return { id, scopes: new Set(scopes as string[]), expiresMs, hash: Buffer.from(hex, "hex") };
}

function parseKeys(text: string): Map<string, StoredKey> {
  const parsed: unknown = JSON.parse(text);
  const list = (parsed as { keys?: unknown } | null)?.keys;
  if (!Array.isArray(list)) throw new Error('it must be { "keys": [ … ] }');
  if (list.length > KEYS_MAX) throw new Error(`more than ${KEYS_MAX} keys`);
  const keys = new Map<string, StoredKey>();
  for (const [at, entry] of list.entries()) {
    const key = parseEntry(entry, at);
    if (keys.has(key.id)) throw new Error(`keys[${at}].id: ${key.id} is there twice`);
    keys.set(key.id, key);
  }
  return keys;
}

/** The keys of a file, reread when it changes. */
export class KeyStore {
  #keys: Map<string, StoredKey>;
  #stamp: string;

  /** @throws ApiStartError KEYS_FILE_INVALID, naming the entry and field */
  constructor(readonly file: string) {
    try {
      this.#stamp = this.#readStamp();
      this.#keys = parseKeys(readFileSync(file, "utf8"));
    } catch (cause) {
      throw new ApiStartError("KEYS_FILE_INVALID", `auth.keysFile ${file}: ${(cause as Error).message}`);
    }
  }

  #readStamp(): string {
    const stat = statSync(this.file);
    if (!stat.isFile()) throw new Error("not a file");
    if (stat.size > KEYS_FILE_BYTES_MAX) throw new Error(`larger than ${KEYS_FILE_BYTES_MAX} bytes`);
    if ((stat.mode & 0o002) !== 0) throw new Error("everybody on this machine may write it (chmod o-w)");
    return `${stat.mtimeMs}/${stat.size}/${stat.ino}`;
  }

  /**
   * Rereads the file if it changed. A file that is wrong, or gone, changes nothing: the keys known stay as they are.
   *
   * @returns null: nothing to say; otherwise what happened, for the log
   */
  reload(): { ok: boolean; message: string } | null {
    try {
      const stamp = this.#readStamp();
      if (stamp === this.#stamp) return null;
      const keys = parseKeys(readFileSync(this.file, "utf8"));
      this.#keys = keys;
      this.#stamp = stamp;
      return { ok: true, message: `keys reloaded, ${keys.size} keys` };
    } catch (cause) {
      return { ok: false, message: `keys kept as they were: ${(cause as Error).message}` };
    }
  }

  /**
   * @throws ApiError INVALID_CREDENTIALS (which of the two is wrong is not said), CREDENTIALS_EXPIRED
   */
  authenticate(id: string, secret: string, nowMs: number): Principal {
    const key = this.#keys.get(id);
    const given = sha256(secret);
    const equal = timingSafeEqual(given, key?.hash ?? NO_HASH);
    if (!equal || key === undefined) throw new ApiError("INVALID_CREDENTIALS", "unknown key or wrong secret");
    if (key.expiresMs !== null && !(nowMs < key.expiresMs)) throw new ApiError("CREDENTIALS_EXPIRED", "the key has expired");
    return key;
  }

  /** `Authorization: Bearer <id>.<secret>`; null where the header is absent. */
  authenticateHeader(header: string | undefined, nowMs: number): Principal | null {
    if (header === undefined) return null;
    const match = /^Bearer ([A-Za-z0-9_-]{1,64})\.([A-Za-z0-9_-]{43})$/i.exec(header);
    if (match === null) throw new ApiError("INVALID_CREDENTIALS", "expected Authorization: Bearer <key id>.<secret>");
    return this.authenticate(match[1]!, match[2]!, nowMs);
  }

  /** Whether what `authenticate` returned still holds: not withdrawn, not changed, not expired. */
  isCurrent(principal: Principal, nowMs: number): boolean {
    const key = this.#keys.get(principal.id);
    if (key === undefined) return false;
    if (key.expiresMs !== null && !(nowMs < key.expiresMs)) return false;
    const before = principal as StoredKey;
    if (!key.hash.equals(before.hash) || key.expiresMs !== before.expiresMs || key.scopes.size !== before.scopes.size)
      return false;
    for (const scope of key.scopes) if (!before.scopes.has(scope)) return false;
    return true;
  }
}

/** Whether a text can be a secret at all. */
export function isSecretShaped(text: string): boolean {
  return SECRET.test(text);
}

/** Whether a text can be a key's id. */
export function isKeyId(text: string): boolean {
  return KEY_ID.test(text);
}
