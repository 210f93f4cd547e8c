// librdkafka's statistics, cut down to what Plimsoll reads: lag per partition, what waits in memory, which brokers are up.
// The whole document is described in librdkafka's STATISTICS.md.

/** One partition this consumer reads. Offsets and counts in messages. */
export interface PartitionStatistics {
  topic: string;
  partition: number;
  /** Oldest offset still in the log, -1 where the client has not learnt it yet. */
  lowOffset: number;
  /** Offset the next message will get, as far as readers may see (last stable offset); -1 where not learnt yet. */
  highOffset: number;
  /** librdkafka's state of the partition: `active` when all is well. */
  fetchState: string;
  queuedMessages: number;
  queuedBytes: number;
}

export interface ClientStatistics {
  /** Brokers known by id, and of them connected. */
  brokerCount: number;
  brokersUp: number;
  partitions: PartitionStatistics[];
}

interface RawBroker {
  nodeid: number;
  state: string;
}

interface RawPartition {
  partition: number;
  lo_offset: number;
  hi_offset: number;
  ls_offset: number;
  fetch_state: string;
  fetchq_cnt: number;
  fetchq_size: number;
}

/**
 * @param json the text of one statistics event
 * @throws SyntaxError if it is not JSON
 */
export function readStatistics(json: string): ClientStatistics {
  const raw = JSON.parse(json) as {
    brokers?: Record<string, RawBroker>;
    topics?: Record<string, { topic: string; partitions?: Record<string, RawPartition> }>;
  };
  const brokers = Object.values(raw.brokers ?? {}).filter((broker) => broker.nodeid >= 0);
  const partitions: PartitionStatistics[] = [];
  for (const { topic, partitions: byId } of Object.values(raw.topics ?? {})) {
    for (const entry of Object.values(byId ?? {})) {
      if (entry.partition < 0) continue; // librdkafka's internal partition for unassigned messages
      partitions.push({
        topic,
        partition: entry.partition,
        lowOffset: entry.lo_offset >= 0 ? entry.lo_offset : -1,
        highOffset: entry.ls_offset >= 0 ? entry.ls_offset : entry.hi_offset >= 0 ? entry.hi_offset : -1,
        fetchState: entry.fetch_state,
        queuedMessages: entry.fetchq_cnt,
        queuedBytes: entry.fetchq_size,
      });
    }
  }
  return { brokerCount: brokers.length, brokersUp: brokers.filter((broker) => broker.state === "UP").length, partitions };
}
