import { expect, it } from "vitest";
import { decodeEngine, encodeEngine } from "./encode";

const engine = { name: "a", http: "http://a:8080", stream: "ws://a:8081/ws", partitions: [0, 3, 7], firstSequence: 2 };

it("an announcement is read as it was written, with and without partitions", () => {
  expect(decodeEngine(encodeEngine(engine))).toEqual(engine);
  expect(decodeEngine(encodeEngine({ ...engine, partitions: [] })).partitions).toEqual([]);
});

it("an announcement that is cut off or changed in one bit is refused", () => {
  const message = encodeEngine(engine);
  for (let length = 0; length < message.length; length++) expect(() => decodeEngine(message.subarray(0, length))).toThrow();
  for (let bit = 0; bit < message.length * 8; bit++) {
    const bad = Buffer.from(message);
    bad[bit >> 3] ^= 1 << (bit & 7);
    expect(() => decodeEngine(bad), `bit ${bit}`).toThrow();
  }
});
