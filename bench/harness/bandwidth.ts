// How fast this machine reads memory in a row on one core: the yardstick of the sweeps, taken in turn with them.
import { readFileSync } from "node:fs";
import { benchFile } from "./paths";

const PAGE = 65_536;
/** Far larger than any cache. */
const BLOCK_BYTES = 512 * 2 ** 20;

export class MemoryReader {
  private readonly readAll: (at: number, bytes: number) => bigint;
  private readonly sum: bigint;

  constructor() {
    const pages = BLOCK_BYTES / PAGE + 1;
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    // A page that was never written is one page of zeros for all of them: it would be read from the cache.
    const words = new BigInt64Array(memory.buffer, PAGE, BLOCK_BYTES / 8);
    let sum = 0;
    for (let i = 0; i < words.length; i += 512) {
      words[i] = BigInt(i);
      sum += i;
    }
    this.sum = BigInt(sum);
    const module = new WebAssembly.Module(readFileSync(benchFile("memory-read.wasm")));
    const { exports } = new WebAssembly.Instance(module, { env: { memory, abort: () => {} } });
    this.readAll = exports.readAll as (at: number, bytes: number) => bigint;
  }

  /** ns to read `bytes` once, from what reading the block took. */
  readNs(bytes: number): number {
    const start = performance.now();
    if (this.readAll(PAGE, BLOCK_BYTES) !== this.sum) throw new Error("the block was not read as it was written");
    return (performance.now() - start) * 1e6 * (bytes / BLOCK_BYTES);
  }
}
