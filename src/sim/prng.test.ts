import { describe, expect, it } from "vitest";
import { Prng } from "./prng";

describe("generator", () => {
  it("gives the numbers of its authors' reference program", () => {
    const prng = Prng.fromState(1, 2, 3, 4);
    const drawn = Array.from({ length: 10 }, () => prng.nextU32());
    expect(drawn).toEqual([11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804]);
  });

  it("the same seed gives the same numbers, another seed or stream others", () => {
    const draw = (seed: number, stream = 0) => {
      const prng = Prng.seeded(seed, stream);
      return Array.from({ length: 8 }, () => prng.nextU32()).join();
    };
    expect(draw(5)).toBe(draw(5));
    const seeds = [0, 1, 2, 2 ** 32, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER].map((seed) => draw(seed));
    expect(new Set([...seeds, draw(5), draw(5, 1)]).size).toBe(seeds.length + 2);
  });

  it("draws stay in their ranges and have the moments they promise", () => {
    const prng = Prng.seeded(11);
    const counts = new Array<number>(10).fill(0);
    let sum = 0;
    let squares = 0;
    const n = 100_000;
    for (let i = 0; i < n; i++) {
      counts[prng.below(10)]!++;
      const x = prng.nextNormal();
      sum += x;
      squares += x * x;
      const u = prng.nextUnit();
      if (u < 0 || u >= 1) throw new Error(`unit ${u}`);
    }
    for (const count of counts) expect(Math.abs(count - n / 10)).toBeLessThan(500);
    expect(Math.abs(sum / n)).toBeLessThan(0.015);
    expect(Math.abs(squares / n - 1)).toBeLessThan(0.02);
  });

  it.each([-1, 0.5, Number.NaN, 2 ** 53])("%d is no seed", (seed) => expect(() => Prng.seeded(seed)).toThrow(/seed/));
});
