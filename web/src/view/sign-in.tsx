// Asks for an API key, where the engine wants one. The key stays in this tab (session storage) and never goes into an address.
import { useRef, useState } from "preact/hooks";
import { parseKey, rememberKey } from "../state/key";
import { useDesk } from "./hooks";

export function SignIn() {
  const desk = useDesk("connection");
  const input = useRef<HTMLInputElement>(null);
  const [error, setError] = useState<string | null>(null);
  const reason = error ?? desk.stream.connection.reason;
  const submit = (event: Event): void => {
    event.preventDefault();
    const credentials = parseKey(input.current?.value ?? "");
    if (credentials === null) {
      setError("A key has the form id.secret, with a secret of 43 characters.");
      return;
    }
    setError(null);
    rememberKey(sessionStorage, credentials);
    desk.signIn(credentials);
  };
  return (
    <section class="panel sign-in" aria-labelledby="sign-in-title">
      <h1 id="sign-in-title">Sign in</h1>
      <p role="alert">{reason === null ? "" : `${reason.charAt(0).toUpperCase()}${reason.slice(1)}`}</p>
      <form onSubmit={submit}>
        <label for="api-key">API key</label>
        <input id="api-key" ref={input} type="password" autocomplete="off" spellcheck={false} placeholder="id.secret" />
        <button type="submit">Sign in</button>
      </form>
      <p class="hint">The key stays in this tab and is forgotten when it is closed.</p>
    </section>
  );
}
