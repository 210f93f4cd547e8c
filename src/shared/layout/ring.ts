// A single-producer, single-consumer ring of fixed-size records in shared memory.
//
//   offset  0 recordCount u32 | 4 recordBytes u32 | 8 dataOffset u32 (from the start of the memory)
//         128 published   u32   written by the producer, after the records it covers
//         256 consumed    u32   written by the consumer, after it has read them
//         384 waits       u32   times the producer found no room (statistics)
//         512 end of the header; the records follow at dataOffset
//
// Both counters run freely over 32 bits; their difference is the number of records in flight. recordCount is a power
// of two. The two counters lie 128 bytes apart, so that neither side's writes evict the other's line (adjacent-line
// prefetch included). Publication rule: the record's bytes are plain writes, `published` is stored atomically after
// them; the consumer loads `published` atomically before it reads the bytes. That pair orders them; the way back has
// such a pair too: the consumer reads the bytes and then stores `consumed`, the producer loads `consumed` and then writes
// over them. Nothing else is needed: there is no data race under the ECMAScript or the WebAssembly memory model, hence no
// difference between x86-64 (where the store is an exchange) and ARM64 (store-release, load-acquire). test/model looks at
// every interleaving and reordering of it, test/threads runs it on real threads.
export const enum RingAt {
  recordCount = 0,
  recordBytes = 4,
  dataOffset = 8,
  published = 128,
  consumed = 256,
  waits = 384,
  bytes = 512,
}
