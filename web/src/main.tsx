// Starts the page: gives the desk the browser's clock, sockets and frames, and puts the views into the document.
import "uplot/dist/uPlot.min.css";
import { render } from "preact";
import { Desk } from "./state/desk";
import { rememberedKey } from "./state/key";
import { App } from "./view/app";
import type { SocketLike } from "./wire/stream";

function openSocket(url: string): SocketLike {
  const native = new WebSocket(url);
  const socket: SocketLike = {
    onopen: null,
    onmessage: null,
    onclose: null,
    send: (text) => {
      if (native.readyState === WebSocket.OPEN) native.send(text);
    },
    close: () => native.close(),
  };
  native.onopen = () => socket.onopen?.();
  native.onmessage = (event) => {
    if (typeof event.data === "string") socket.onmessage?.(event.data);
  };
  // An error is always followed by a close.
  native.onclose = (event) => socket.onclose?.(event.code, event.reason);
  return socket;
}

const desk = new Desk(
  {
    stream: {
      openSocket,
      nowMs: () => performance.now(),
      random: Math.random,
      after: (ms, callback) => {
        const timer = setTimeout(callback, ms);
        return () => clearTimeout(timer);
      },
    },
    fetch: (path, init) => fetch(path, init),
    location,
    reload: () => location.reload(),
    requestFrame: (callback) => requestAnimationFrame(callback),
    wallMs: () => Date.now(),
  },
  rememberedKey(sessionStorage),
);

const page = document.getElementById("page");
if (page === null) throw new Error("index.html has no element with the id page");
render(<App desk={desk} />, page);
desk.start(location.hash);
addEventListener("hashchange", () => {
  desk.go(location.hash);
  scrollTo(0, 0);
  // What a screen reader and the keyboard go on from is the new content, not a link that is gone.
  document.getElementById("content")?.focus({ preventScroll: true });
});
addEventListener("online", () => desk.stream.retryNow());
// A tab that comes back from the background, or a machine from sleep, need not wait for the rest of a backoff.
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") desk.stream.retryNow();
});
