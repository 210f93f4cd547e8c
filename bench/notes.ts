// Remarks on rows, printed below the table of their line. `always`: what a reader has to know to understand the row.
// `missed`: printed only where the goal is missed: what the profile says stands in the way, and what was tried. By row, or
// by line for what holds for all of it.

export interface Notes {
  always?: readonly string[];
  missed?: readonly string[];
}

export const NOTES: Readonly<Record<string, Notes>> = {
  ring: {
    always: [
      "*Published every 64* is how ingest uses the ring: one atomic store for each message. *Against one at a time* sets that " +
        "beside ringbuf.js and postMessage as they are usually used; the rows below it compare like with like.",
      "One by one, a store that other threads may see is an `Atomics.store`, which V8 compiles to an exchange with a full fence; " +
        "Java's ordered store is a plain move on x86-64. That is the whole difference in `ring/disruptor-1`, and the reason to publish in batches.",
    ],
  },
  "decode/accessors": {
    missed: [
      "The profile of the lane: the CRC-32 of the message (zlib's, 5 GB/s) takes two fifths of it, the value checks (`checkAccountEvents`, eleven " +
        "fields of each event) a third, the rest copying and publishing. The peers check nothing. Tried: one pass of few branches for " +
        "fills, which are most of the events, halved the checks. The checksum alone takes what the goal would leave for everything.",
    ],
  },
  "decode/json": {
    missed: [
      "JSON here is what a careful producer would write: numbers as numbers, no 64-bit integers as text. V8 parses it at 2 M events/s, " +
        "and the goal was set against 0.8 M.",
    ],
  },
  risk: {
    always: [
      "The kernel values an account once a message, its peers at each fill; with the accounts of the first rows that is the same work but for " +
        "some tenths of a percent. It also keeps sequence numbers, leaves rows that readers can take at any moment, and renews each pool's bound.",
    ],
  },
  "risk/typed-arrays": {
    missed: [
      "What stands in the way is memory. A fill writes one cache line in each row of the account's positions, sixteen here, wherever in memory " +
        "they lie, beside some fifteen of the account and its pools; typed arrays write the same numbers one after the other. With two positions " +
        "an account the ratio is above 2: the rows below. Tried, and in it: loading ahead in groups of records; keeping calls out of the loops, " +
        "3 %; rows of two lines instead of three, which left the speed as it was and took a fifth of the memory. Tried in vain: loading ahead " +
        "line by line and without branches. Liquidation prices apart from the rows, side by side, would be the next step.",
    ],
  },
  "risk/objects": { missed: ["As against typed arrays."] },
  "end-to-end/two-threads": {
    missed: [
      "The shard's thread takes some ten times as long for an event as the one that feeds it: a fill has the account valued in full, two pools " +
        "and four positions here, and touches about twenty cache lines of it, which with 10,000 accounts come from beyond the second cache. " +
        "Shards share nothing, so more cores bring more events; one shard alone does not come near.",
    ],
  },
  "revaluation/share": {
    missed: [
      "The sweep is bound by instructions: some 35 a position and 60 a pool, for contract, tier, products, sums, status and bound. WebAssembly's " +
        "vectors have two lanes and no gather; samples of the profiler are spread over the loop's arithmetic, none stand at its loads. The " +
        "faster one core reads, the smaller the share.",
    ],
  },
  "million/memory": {
    always: [
      "An account of this world has 1,748 bytes: its row 256, two balances 64, eight positions 1,024, blocks of two pools 384, hash and bounds " +
        "20. None of these positions has isolated margin or open orders; one that has takes 64 bytes more: all of them would take 0.48 GiB.",
    ],
  },
  "million/mark-to-flag": {
    missed: [
      "A pool's bound is one number for all it holds, so a mark that moves by a tenth of a percent has all pools looked at that a tenth of a " +
        "percent of everything could take over a line, holders of that contract or not. Valuing those that crossed, rows far apart in memory, " +
        "is the rest. Tried, and in it: pools loaded ahead so that their waits overlap, bounds compared four at a time.",
    ],
  },
  "allocation/round": {
    missed: [
      "What is left is the clock: Node hands its reading back as an object of 16 bytes, and a worker reads it once for every 256 records and once " +
        "a round. `steady` tells what that comes to: how often a shard's thread collects, and for how long.",
    ],
  },
  "kafka/events-64": {
    missed: [
      "The shard is slower than the client alone: its ring is full most of the time, and ingest takes from the client what the ring has " +
        "room for, so this is the shard's own rate while broker and client share its cores. (Pausing in librdkafka, which throws away " +
        "what was fetched and costs some 400 ms a time, is left for pauses of half a second and more.)",
    ],
  },
  "ring/disruptor-64": {
    missed: [
      "Both sides are at the rate at which lines travel between the two cores, and the ratio swings by a tenth from pair to pair.",
    ],
  },
  "kafka-stream/p99": {
    missed: [
      "More than half of it is there without the engine: see *Kafka alone* beside it, on the same schedule. What the engine adds is the 5 ms " +
        "between two looks of the `raw` channel and its turn among the processes that share the cores.",
    ],
  },
  "latency/1m-p50": {
    missed: [
      "At this rate the shard is near its limit here; where other programs take a part of its core, a queue grows before it for as long as the " +
        "run lasts. At 100,000 events/s no queue is left: the last rows.",
    ],
  },
  "latency/1m-p99": {
    missed: [
      "At this rate the shard is busy most of the time, so that each time its thread or the sender's is off its core for a millisecond, the queue " +
        "takes several to be worked off. The bare hop, which does nothing, shows the same stops: its own p99 stands beside.",
    ],
  },
  latency: {
    always: [
      "The thread that sends also looks for the rows, so both cores are busy; where something else runs as well, the percentiles " +
        "above the median show the scheduler's time slices, for the bare hop too.",
    ],
  },
  "kafka-stream": {
    always: [
      "Broker, engine (main, shard and api thread), sender and client run on the same machine and share its cores. The sender's timer has a " +
        "resolution of 1 ms, and the `raw` channel looks for changes every 5 ms; both are in the numbers.",
    ],
  },
  recovery: {
    always: [
      "Measured until the engine says that it is ready; every account that is asked for from then on has to be OK, or the clock goes on. How " +
        "long asking for all of them takes stands in the details.",
      "On two cores broker, database and the engine's threads share them. The api's thread compiles its routes while the log is read; " +
        "it is what the others wait for where the backlog is small. Fills go to the database when the shard has caught up.",
    ],
  },
  "rest/account-p99": {
    always: ["autocannon tells latencies in whole milliseconds; below one the rows say one."],
  },
};
