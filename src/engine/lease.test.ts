import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Lease } from "./lease";

const SESSION_MS = 3000;

describe("a lease", () => {
  let answers: ((isOurs: boolean) => void)[];
  let said: string[];
  let lease: Lease;

  /** The process stands still: time goes on, timers do not run. */
  const pause = (ms: number) => vi.setSystemTime(Date.now() + ms);

  beforeEach(() => {
    vi.useFakeTimers();
    answers = [];
    said = [];
    lease = new Lease({
      sessionTimeoutMs: SESSION_MS,
      ask: () => new Promise((resolve) => answers.push(resolve)),
      say: (line) => said.push(line),
      nowMs: () => Date.now(),
    });
    // However long the start took.
    pause(10 * SESSION_MS);
    expect(lease.holds()).toBe(true);
  });
  afterEach(() => {
    lease.end();
    vi.useRealTimers();
  });

  const answer = async (isOurs: boolean) => {
    answers.shift()?.(isOurs);
    await vi.advanceTimersByTimeAsync(0);
  };

  it("holds while it is looked at often enough, and asks nobody", () => {
    for (let i = 0; i < 100; i++) {
      pause(SESSION_MS / 2);
      expect(lease.holds()).toBe(true);
    }
    expect(answers).toHaveLength(0);
  });

  it("does not hold after a pause until the group has said that the partitions are ours", async () => {
    pause(SESSION_MS / 2 + 1);
    expect(lease.holds()).toBe(false);
    expect(answers).toHaveLength(1);
    expect(said).toEqual([expect.stringMatching(/^the engine stood still for 1501 ms: /)]);
    expect(lease.holds()).toBe(false);
    await answer(true);
    expect(lease.holds()).toBe(true);
  });

  it("asks again where the answer is no, fails or does not come, and holds when partitions are handed out", async () => {
    lease.doubt();
    await answer(false);
    expect(lease.holds()).toBe(false);
    await vi.advanceTimersByTimeAsync(50);
    expect(answers).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(2000);
    expect(lease.holds()).toBe(false);
    await vi.advanceTimersByTimeAsync(50);
    expect(answers).toHaveLength(2);
    lease.confirm();
    expect(lease.holds()).toBe(true);
  });

  it("does not believe an answer to what it asked before another pause", async () => {
    lease.doubt();
    pause(SESSION_MS);
    await answer(true);
    expect(lease.holds()).toBe(false);
    await vi.advanceTimersByTimeAsync(50);
    await answer(true);
    expect(lease.holds()).toBe(true);
  });

  it("asks no more when it has ended", async () => {
    lease.doubt();
    lease.end();
    await answer(false);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(answers).toHaveLength(0);
    expect(lease.holds()).toBe(false);
  });
});
