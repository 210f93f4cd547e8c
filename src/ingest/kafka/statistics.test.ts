import { describe, expect, test } from "vitest";
import { readStatistics } from "./statistics";

const document = {
  brokers: {
    "127.0.0.1:9092/bootstrap": { nodeid: -1, state: "UP" },
    "127.0.0.1:9092/1": { nodeid: 1, state: "UP" },
    "127.0.0.1:9093/2": { nodeid: 2, state: "CONNECT" },
  },
  topics: {
    t: {
      topic: "t",
      partitions: {
        "0": { partition: 0, lo_offset: 5, hi_offset: 12, ls_offset: 10, fetch_state: "active", fetchq_cnt: 3, fetchq_size: 99 },
        "1": {
          partition: 1,
          lo_offset: -1001,
          hi_offset: -1001,
          ls_offset: -1001,
          fetch_state: "none",
          fetchq_cnt: 0,
          fetchq_size: 0,
        },
        "-1": {
          partition: -1,
          lo_offset: -1001,
          hi_offset: -1001,
          ls_offset: -1001,
          fetch_state: "none",
          fetchq_cnt: 0,
          fetchq_size: 0,
        },
      },
    },
  },
};

describe("statistics", () => {
  test("count brokers by id, not the address that was asked first", () => {
    expect(readStatistics(JSON.stringify(document))).toMatchObject({ brokerCount: 2, brokersUp: 1 });
  });

  test("give the end that readers may see, and -1 for what is not known", () => {
    const { partitions } = readStatistics(JSON.stringify(document));
    expect(partitions).toEqual([
      { topic: "t", partition: 0, lowOffset: 5, highOffset: 10, fetchState: "active", queuedMessages: 3, queuedBytes: 99 },
      { topic: "t", partition: 1, lowOffset: -1, highOffset: -1, fetchState: "none", queuedMessages: 0, queuedBytes: 0 },
    ]);
  });

  test("of a client that knows nothing yet are empty", () => {
    expect(readStatistics("{}")).toEqual({ brokerCount: 0, brokersUp: 0, partitions: [] });
  });
});
