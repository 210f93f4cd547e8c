// The consuming end of the ring line, made of the kernel's own ring: looks, reads every record that is visible, releases
// once. The sum of all doubles comes back, so that nothing can be left unread. AssemblyScript; scripts/bench.mjs compiles it.
import { readable, readSlot, release } from "../../src/shards/kernel/ring";

/** Spins until `count` records of eight doubles have come. Returns their sum. */
export function consume(ring: usize, count: u32): f64 {
  let sum: f64 = 0;
  let done: u32 = 0;
  while (done < count) {
    const ready = readable(ring);
    for (let i: u32 = 0; i < ready; ++i) {
      const at = readSlot(ring, i);
      sum += load<f64>(at) + load<f64>(at, 8) + load<f64>(at, 16) + load<f64>(at, 24);
      sum += load<f64>(at, 32) + load<f64>(at, 40) + load<f64>(at, 48) + load<f64>(at, 56);
    }
    if (ready != 0) release(ring, ready);
    done += ready;
  }
  return sum;
}
