import { expect, it } from "vitest";
import { partitionOf } from "./partition";

// Hashes of Kafka's own test, clients/src/test/java/org/apache/kafka/common/utils/UtilsTest.java (testMurmur2), masked to 31 bits.
it.each([
  ["21", -973932308],
  ["foobar", -790332482],
  ["a-little-bit-long-string", -985981536],
  ["a-little-bit-longer-string", -1486304829],
  ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971],
])("puts %s where Kafka's Java client does", (key, hash) => {
  for (const partitions of [1, 4, 7, 1024]) expect(partitionOf(key, partitions)).toBe((hash & 0x7fffffff) % partitions);
});
