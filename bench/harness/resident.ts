// How much of a shard's memory the system has really given: its address space is reserved at once, pages come as rows do.
import { readFileSync } from "node:fs";

/** Resident bytes of the mapping of this size, or null where the system does not say (anything but Linux). */
export function residentBytes(memory: SharedArrayBuffer): number | null {
  let maps: string;
  try {
    maps = readFileSync("/proc/self/smaps", "utf8");
  } catch {
    return null;
  }
  const sizeKb = memory.byteLength / 1024;
  // The system may have cut the mapping into pieces, or joined it with a neighbour: take the stretch that covers it best.
  let best: { sizeKb: number; residentKb: number } | null = null;
  for (const block of maps.split(/\n(?=[0-9a-f]+-[0-9a-f]+ )/)) {
    const size = Number(/^Size:\s+(\d+) kB/m.exec(block)?.[1]);
    const resident = Number(/^Rss:\s+(\d+) kB/m.exec(block)?.[1]);
    if (size >= sizeKb && (best === null || size < best.sizeKb)) best = { sizeKb: size, residentKb: resident };
  }
  return best === null ? null : best.residentKb * 1024;
}
