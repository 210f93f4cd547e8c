// How fast one core reads memory in a row: every 16 bytes of a block once, four loads in flight, nothing kept but a sum.
// AssemblyScript; scripts/bench.mjs compiles it.

/** @param bytes a multiple of 64. Returns the wrapping sum of the block's 64-bit words. */
export function readAll(at: usize, bytes: usize): i64 {
  let a = i64x2.splat(0);
  let b = i64x2.splat(0);
  let c = i64x2.splat(0);
  let d = i64x2.splat(0);
  for (const end = at + bytes; at < end; at += 64) {
    a = i64x2.add(a, v128.load(at));
    b = i64x2.add(b, v128.load(at, 16));
    c = i64x2.add(c, v128.load(at, 32));
    d = i64x2.add(d, v128.load(at, 48));
  }
  a = i64x2.add(i64x2.add(a, b), i64x2.add(c, d));
  return i64x2.extract_lane(a, 0) + i64x2.extract_lane(a, 1);
}
