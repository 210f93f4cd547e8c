import { expect, it } from "vitest";
import { Complaints } from "./complaints";

it("a complaint is passed on once in ten seconds, and none before the brokers were reached", () => {
  const lines: string[] = [];
  let nowMs = 0;
  const complaints = new Complaints(
    (line) => lines.push(line),
    () => nowMs,
  );
  complaints.take("broker away");
  expect(lines).toEqual([]);
  complaints.open();
  for (nowMs = 0; nowMs < 20_000; nowMs += 1000) complaints.take("broker away");
  complaints.take("another thing");
  expect(lines).toEqual(["broker away", "broker away", "another thing"]);
});
