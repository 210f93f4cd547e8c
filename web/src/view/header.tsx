// The top of the page: what engine this is, whether the line to it lives, what time it is in the data, and where to go.
import { useEffect, useRef, useState } from "preact/hooks";
import { formatAge, formatDateTime, formatTime } from "../format";
import type { Desk } from "../state/desk";
import { accountHref, isAccountId, OVERVIEW_HREF } from "../state/route";
import { useDesk } from "./hooks";

function Mark() {
  return (
    <svg class="brand-mark" viewBox="0 0 32 32" width="26" height="26" aria-hidden="true">
      <circle cx="16" cy="16" r="9.5" />
      <path d="M2 16h28" />
    </svg>
  );
}

interface LineState {
  kind: "good" | "waiting" | "bad";
  words: string;
}

function lineState(desk: Desk): LineState {
  const { connection } = desk.stream;
  switch (connection.phase) {
    case "live": {
      const trust = desk.streamTrust();
      if (trust.fresh) return { kind: "good", words: "Live" };
      return desk.platform === null ? { kind: "waiting", words: "Subscribing" } : { kind: "bad", words: "Stale" };
    }
    case "connecting":
      return { kind: "waiting", words: connection.attempt > 0 || connection.drops > 0 ? "Reconnecting" : "Connecting" };
    case "refused":
      return { kind: "bad", words: "Not signed in" };
    default:
      return { kind: "bad", words: "Disconnected" };
  }
}

function Search() {
  const input = useRef<HTMLInputElement>(null);
  const [error, setError] = useState<string | null>(null);
  useEffect(() => {
    // "/" goes to the search, as in most tools that are open all day.
    const onKey = (event: KeyboardEvent): void => {
      const inField = event.target instanceof HTMLElement && event.target.matches("input, textarea, select, [contenteditable]");
      if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || inField) return;
      event.preventDefault();
      input.current?.focus();
      input.current?.select();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
  const submit = (event: Event): void => {
    event.preventDefault();
    const id = input.current?.value.trim() ?? "";
    if (!isAccountId(id)) {
      setError("An account id is a whole number from 1 to 9007199254740991.");
      return;
    }
    setError(null);
    location.hash = accountHref(id);
    input.current?.blur();
  };
  return (
    <search>
      <form class="search" onSubmit={submit}>
        <label class="visually-hidden" for="account-search">
          Account id
        </label>
        <input
          id="account-search"
          ref={input}
          type="search"
          inputMode="numeric"
          autocomplete="off"
          spellcheck={false}
          placeholder="Account id  ( / )"
          aria-invalid={error !== null}
          aria-describedby={error === null ? undefined : "account-search-error"}
          onInput={() => error !== null && setError(null)}
        />
        <button type="submit">Open</button>
        {error !== null && (
          <p class="search-error" id="account-search-error" role="alert">
            {error}
          </p>
        )}
      </form>
    </search>
  );
}

export function Header() {
  const desk = useDesk("engine", "platform", "connection", "clock", "route");
  const { engine, platform, route } = desk;
  const line = lineState(desk);
  const fresh = desk.streamTrust().fresh;
  return (
    <header class="top-bar">
      <a
        class="brand"
        href={OVERVIEW_HREF}
        aria-label="Plimsoll, overview"
        aria-current={route.view === "overview" ? "page" : undefined}
      >
        <Mark />
        <span>Plimsoll</span>
      </a>
      <div class={`line line-${line.kind}`} data-testid="line-state">
        <span class="line-dot" aria-hidden="true" />
        {line.words}
      </div>
      <dl class={fresh ? "facts" : "facts is-stale"}>
        <div>
          <dt>Mode</dt>
          <dd data-testid="mode">{platform?.mode ?? engine?.mode ?? "–"}</dd>
        </div>
        <div>
          <dt>Version</dt>
          <dd data-testid="version">{engine?.version ?? "–"}</dd>
        </div>
        <div class="fact-time">
          <dt>Event time (UTC)</dt>
          <dd data-testid="event-time" title={formatDateTime(platform?.eventTimeMs)}>
            {formatTime(platform?.eventTimeMs)}
          </dd>
        </div>
      </dl>
      <Search />
    </header>
  );
}

interface Warning {
  title: string;
  detail: string;
  retry: boolean;
}

function warningOf(desk: Desk): Warning | null {
  const { connection } = desk.stream;
  const now = desk.nowMs();
  const age = connection.lastFrameMs === null ? null : formatAge(now - connection.lastFrameMs);
  const old = age === null ? "" : ` Numbers below are ${age} old and not current.`;
  switch (connection.phase) {
    case "waiting": {
      const wait = Math.max(0, Math.ceil(((connection.retryAtMs ?? now) - now) / 1000));
      const next = wait > 0 ? `next attempt in ${wait} s` : "trying now";
      return {
        title: "Disconnected from the engine",
        detail: `${connection.reason ?? "no connection"}; ${next}.${old}`,
        retry: true,
      };
    }
    case "connecting":
      if (connection.attempt === 0 && connection.drops === 0) return null;
      return {
        title: "Reconnecting to the engine",
        detail: `${connection.reason ?? "the connection was lost"}.${old}`,
        retry: false,
      };
    case "live": {
      const trust = desk.streamTrust();
      if (!trust.fresh && desk.platform !== null) {
        return {
          title: "The stream is stale",
          detail: `The engine's state: ${trust.reason}. Numbers below are not current.`,
          retry: false,
        };
      }
      const { platform } = desk;
      if (platform !== null && !platform.ready) {
        const reasons = platform.notReady.slice(0, 3).join("; ");
        const more = platform.notReady.length > 3 ? ` and ${platform.notReady.length - 3} more` : "";
        return { title: "The engine is not ready", detail: `${reasons}${more}. Accounts concerned are marked.`, retry: false };
      }
      return null;
    }
    default:
      return null;
  }
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}

/** Says in full words when what is shown is not what is. */
export function Banner() {
  const desk = useDesk("connection", "clock", "platform");
  const warning = warningOf(desk);
  return (
    <>
      {warning !== null && (
        <section class="banner" aria-label="Connection" data-testid="banner">
          <svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
            <path d="M10 2.5 18.5 17h-17Z" />
            <path d="M10 8v4.2M10 14.2v.6" />
          </svg>
          <p>
            <strong>{warning.title}.</strong> {sentence(warning.detail)}
          </p>
          {warning.retry && (
            <button type="button" onClick={() => desk.stream.retryNow()}>
              Reconnect now
            </button>
          )}
        </section>
      )}
      {/* Told once when it changes; the banner itself counts seconds and is not read out. */}
      <p class="visually-hidden" role="status" data-testid="connection-status">
        {warning === null ? (desk.stream.connection.phase === "live" ? "Connected to the engine" : "") : warning.title}
      </p>
    </>
  );
}
