// A TCP proxy before the database that can swallow the answer to a commit and drop the connection: the client cannot know whether
// its rows are in. The store's statements are transactions of their own, so the answer to a COPY or INSERT is that of its commit.
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** PostgreSQL's CommandComplete of a statement that writes, as it stands in the server's stream. */
const COMMITTED = /C[\s\S]{4}(?:COPY|INSERT 0|COMMIT)(?: \d+)?\0/;

export interface CuttingProxy {
  port: number;
  /** The next `count` answers to a commit never arrive. */
  cutCommits(count: number): void;
  /** Answers that were swallowed so far. */
  readonly cut: number;
  close(): Promise<void>;
}

export async function startCuttingProxy(targetPort: number): Promise<CuttingProxy> {
  const sockets = new Set<Socket>();
  let armed = 0;
  let cut = 0;
  const server = createServer((client) => {
    const upstream = connect(targetPort, "127.0.0.1");
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.on("data", (chunk) => upstream.write(chunk));
    upstream.on("data", (chunk) => {
      if (armed > 0 && COMMITTED.test(chunk.toString("latin1"))) {
        armed--;
        cut++;
        client.destroy();
        upstream.destroy();
      } else client.write(chunk);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    cutCommits(count) {
      armed += count;
    },
    get cut() {
      return cut;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
