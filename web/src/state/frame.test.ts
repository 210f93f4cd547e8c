import { describe, expect, it } from "vitest";
import { FrameScheduler } from "./frame";

function scripted(): { scheduler: FrameScheduler; frame(): void; requests(): number } {
  const frames: (() => void)[] = [];
  let requested = 0;
  const scheduler = new FrameScheduler((callback) => {
    requested++;
    frames.push(callback);
  });
  return { scheduler, frame: () => frames.shift()?.(), requests: () => requested };
}

describe("rendering", () => {
  it("a thousand changes between two frames are one render", () => {
    const { scheduler, frame, requests } = scripted();
    let renders = 0;
    scheduler.watch("top", () => renders++);
    scheduler.watch("top", () => renders++);
    for (let at = 0; at < 1_000; at++) scheduler.mark("top");
    expect(renders).toBe(0);
    expect(requests()).toBe(1);
    frame();
    expect(renders).toBe(2);
  });

  it("who watches several topics is told once", () => {
    const { scheduler, frame } = scripted();
    let renders = 0;
    const render = (): void => void renders++;
    scheduler.watch("a", render);
    scheduler.watch("b", render);
    scheduler.mark("a");
    scheduler.mark("b");
    frame();
    expect(renders).toBe(1);
  });

  it("who watches another topic, or no longer, is not told", () => {
    const { scheduler, frame } = scripted();
    const told: string[] = [];
    scheduler.watch("a", () => told.push("a"));
    const end = scheduler.watch("b", () => told.push("b"));
    end();
    end();
    scheduler.mark("b");
    frame();
    expect(told).toEqual([]);
    expect(scheduler.flushes).toBe(0);
  });

  it("a change while a frame is drawn is drawn in the next", () => {
    const { scheduler, frame, requests } = scripted();
    let renders = 0;
    scheduler.watch("a", () => {
      if (renders++ === 0) scheduler.mark("a");
    });
    scheduler.mark("a");
    frame();
    expect(renders).toBe(1);
    expect(requests()).toBe(2);
    frame();
    expect(renders).toBe(2);
  });
});
