import { expect, it, vi } from "vitest";
import { AlertMemory } from "./alert-memory";

// Both logs are empty: nothing is read, and all that is left is who is answered when.
vi.mock("./kafka/log-consumer", () => ({
  LogConsumer: class {
    watermarks = async () => ({ low: 0, high: 0 });
  },
}));

it("whoever asks as soon as the one before is answered, or a few turns later, is answered too", async () => {
  const topics = { alerts: "alerts", liquidations: "liquidations" };
  const from = { alerts: 0, liquidations: 0 };
  for (let turns = 0; turns < 12; turns++) {
    const memory = new AlertMemory({ brokers: "", groupId: "", clientId: "", topics, onWarning: () => undefined });
    await memory.read(0, from);
    for (let turn = 0; turn < turns; turn++) await null;
    const late = new Promise((resolve) => setTimeout(resolve, 1000, `never answered, after ${turns} turns`));
    expect(await Promise.race([memory.read(1, from), late])).toMatchObject({ ends: from, alerts: [] });
  }
});
