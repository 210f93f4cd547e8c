// Renders at most once a frame: whatever changes marks its topic, and all who watch a marked topic are told together in the
// next frame. A thousand pushes between two frames cost one render.

export type Topic = string;

export class FrameScheduler {
  readonly #watchers = new Map<Topic, Set<() => void>>();
  readonly #marked = new Set<Topic>();
  readonly #requestFrame: (callback: () => void) => void;
  #requested = false;
  /** Frames in which somebody was told something. */
  flushes = 0;

  /** @param requestFrame calls back before the next paint: requestAnimationFrame in a browser */
  constructor(requestFrame: (callback: () => void) => void) {
    this.#requestFrame = requestFrame;
  }

  mark(topic: Topic): void {
    this.#marked.add(topic);
    if (this.#requested) return;
    this.#requested = true;
    this.#requestFrame(() => this.#flush());
  }

  /** @returns ends the watch */
  watch(topic: Topic, callback: () => void): () => void {
    let watchers = this.#watchers.get(topic);
    if (watchers === undefined) {
      watchers = new Set();
      this.#watchers.set(topic, watchers);
    }
    watchers.add(callback);
    return () => {
      watchers.delete(callback);
      if (watchers.size === 0 && this.#watchers.get(topic) === watchers) this.#watchers.delete(topic);
    };
  }

  #flush(): void {
    this.#requested = false;
    const told = new Set<() => void>();
    for (const topic of this.#marked) for (const callback of this.#watchers.get(topic) ?? []) told.add(callback);
    this.#marked.clear();
    if (told.size > 0) this.flushes++;
    for (const callback of told) callback();
  }
}
