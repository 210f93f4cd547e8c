// Who is asking: the one place that knows `auth.mode`.
import type { AuthConfig } from "../config";
import { ApiStartError } from "../errors";
import { OPEN_PRINCIPAL, type Principal } from "./access";
import { KeyStore } from "./keys";

export class Authenticator {
  readonly mode: AuthConfig["mode"];
  readonly #store: KeyStore | null;

  /** @throws ApiStartError KEYS_FILE_INVALID */
  constructor(config: AuthConfig) {
    this.mode = config.mode;
    if (config.mode === "open") {
      this.#store = null;
      return;
    }
    if (config.keysFile === null) throw new ApiStartError("KEYS_FILE_INVALID", 'auth.mode "keys" needs auth.keysFile');
    this.#store = new KeyStore(config.keysFile);
  }

  /** Who somebody is who has not said anything: everybody in mode open, nobody in mode keys. */
  initial(): Principal | null {
    return this.#store === null ? OPEN_PRINCIPAL : null;
  }

  /**
   * In mode open the credentials are not looked at: there is nothing to compare them with, and nothing they would add.
   *
   * @throws ApiError INVALID_CREDENTIALS, CREDENTIALS_EXPIRED
   */
  authenticate(id: string, secret: string, nowMs: number): Principal {
    return this.#store === null ? OPEN_PRINCIPAL : this.#store.authenticate(id, secret, nowMs);
  }

  /** @throws ApiError INVALID_CREDENTIALS, CREDENTIALS_EXPIRED; null: the request brings no key */
  fromHeader(header: string | undefined, nowMs: number): Principal | null {
    return this.#store === null ? OPEN_PRINCIPAL : this.#store.authenticateHeader(header, nowMs);
  }

  /** Whether a principal that was let in earlier may stay. */
  isCurrent(principal: Principal, nowMs: number): boolean {
    return this.#store === null || this.#store.isCurrent(principal, nowMs);
  }

  /** Looks whether the keys file changed; what to log, or null. */
  reload(): { ok: boolean; message: string } | null {
    return this.#store === null ? null : this.#store.reload();
  }
}

/** The scopes of a principal as one string, as OAuth writes them. */
export function scopeText(principal: Principal): string {
  return [...principal.scopes].sort().join(" ");
}
