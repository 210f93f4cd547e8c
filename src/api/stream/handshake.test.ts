// Connections that never finish their handshake: both transports give them about ten seconds, whatever trickles in.
import { connect } from "node:net";
import { expect, it } from "vitest";
import { FakeEngine } from "../testing/fake-engine";
import { startTestApi, TRANSPORTS } from "../testing/harness";

it("does not wait for ever for a handshake", async () => {
  const running = await Promise.all(
    TRANSPORTS.map((transport) => startTestApi(FakeEngine.withAccounts(1), { stream: { transport } })),
  );
  const ended = running.map(({ api }) => {
    const socket = connect(api.addresses.stream.port, "127.0.0.1");
    socket.on("error", () => {});
    socket.resume();
    socket.write("GET /api/v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n");
    const trickle = setInterval(() => socket.write("X-Slow: 1\r\n"), 1000);
    return new Promise<string>((resolve) => {
      socket.once("close", () => {
        clearInterval(trickle);
        resolve("closed");
      });
    });
  });
  expect(await Promise.all(ended)).toEqual(["closed", "closed"]);
  await Promise.all(running.map((one) => one.stop()));
}, 60_000);
