// Which partition a key belongs to: murmur2 as Kafka's own Java client has it (Apache Kafka,
// clients/…/common/utils/Utils.java, seed 0x9747b28c), so that every producer puts an account into the same shard.

const M = 0x5bd1e995;

function murmur2(bytes: Uint8Array): number {
  let h = 0x9747b28c ^ bytes.length;
  const whole = bytes.length & ~3;
  for (let i = 0; i < whole; i += 4) {
    let k = bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24);
    k = Math.imul(k, M);
    k ^= k >>> 24;
    k = Math.imul(k, M);
    h = Math.imul(h, M) ^ k;
  }
  const left = bytes.length - whole;
  if (left >= 3) h ^= bytes[whole + 2] << 16;
  if (left >= 2) h ^= bytes[whole + 1] << 8;
  if (left >= 1) {
    h ^= bytes[whole];
    h = Math.imul(h, M);
  }
  h ^= h >>> 13;
  h = Math.imul(h, M);
  return h ^ (h >>> 15);
}

/** Partition, 0 … partitions − 1, of a message with this key. */
export function partitionOf(key: string, partitions: number): number {
  return (murmur2(Buffer.from(key)) & 0x7fffffff) % partitions;
}
