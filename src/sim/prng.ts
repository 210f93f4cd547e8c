// A small seeded generator, so that a run can be repeated bit for bit: xoshiro128** (Blackman and Vigna,
// prng.di.unimi.it/xoshiro128starstar.c). Only integer operations, additions and multiplications are used in what is drawn
// from it: the functions whose last bit an engine may choose (log, exp, sin, pow) stay out.

const TWO_POW_32 = 0x1_0000_0000;

export class Prng {
  private s0: number;
  private s1: number;
  private s2: number;
  private s3: number;

  private constructor(s0: number, s1: number, s2: number, s3: number) {
    this.s0 = s0 | 0;
    this.s1 = s1 | 0;
    this.s2 = s2 | 0;
    this.s3 = s3 | 0;
  }

  /**
   * @param seed   safe integer, 0 or more
   * @param stream a second number that makes independent streams from one seed
   * @throws RangeError where the seed is not such a number
   */
  static seeded(seed: number, stream = 0): Prng {
    if (!Number.isSafeInteger(seed) || seed < 0) throw new RangeError(`seed ${seed} must be a whole number from 0 to 2^53 − 1`);
    // The four words come from a mixer (splitmix32), because a state that is mostly zero takes long to recover.
    let x = (seed >>> 0) ^ Math.imul(Math.floor(seed / TWO_POW_32) + 1, 0x9e3779b9) ^ Math.imul(stream + 1, 0x85ebca6b);
    const next = () => {
      x = (x + 0x9e3779b9) | 0;
      let z = x ^ (x >>> 16);
      z = Math.imul(z, 0x21f0aaad);
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
      return z ^ (z >>> 15);
    };
    return new Prng(next(), next(), next(), next() | 1);
  }

  /** The generator at a given state, as its authors' reference program would start it; not all four may be 0. */
  static fromState(s0: number, s1: number, s2: number, s3: number): Prng {
    return new Prng(s0, s1, s2, s3);
  }

  /** Uniform on 0 … 2^32 − 1. */
  nextU32(): number {
    const s1 = this.s1;
    const x = Math.imul(s1, 5);
    const result = Math.imul((x << 7) | (x >>> 25), 9) >>> 0;
    this.s2 ^= this.s0;
    this.s3 ^= s1;
    this.s1 ^= this.s2;
    this.s0 ^= this.s3;
    this.s2 ^= s1 << 9;
    this.s3 = (this.s3 << 11) | (this.s3 >>> 21);
    return result;
  }

  /** Uniform on [0, 1), in steps of 2^-32. */
  nextUnit(): number {
    return this.nextU32() / TWO_POW_32;
  }

  /** Uniform on 0 … n − 1 for 1 ≤ n ≤ 2^32; the bias is below n ÷ 2^32, which a simulation does not see. */
  below(n: number): number {
    return Math.floor((this.nextU32() / TWO_POW_32) * n);
  }

  /** Mean 0, variance 1, within ±6: the sum of twelve uniforms (Irwin–Hall), close enough to normal for a random walk. */
  nextNormal(): number {
    let sum = -6;
    for (let i = 0; i < 12; i++) sum += this.nextU32() / TWO_POW_32;
    return sum;
  }
}
