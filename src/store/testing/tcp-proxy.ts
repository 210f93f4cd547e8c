// A TCP proxy between the store and PostgreSQL, for the troubles a network makes: the reply to a commit that never
// arrives, a connection that stalls, a server nobody can reach.
import net from "node:net";

// CopyDone, the last message of a COPY: what comes back after it says whether the rows are committed.
const COPY_DONE = Buffer.from("6300000004", "hex");

export interface TcpProxy {
  /** `url` with the proxy's address in place of the server's. */
  url(url: string): string;
  /** The next COPY reaches the server whole, its reply does not come back: the connection is cut instead. */
  dropNextReply(): void;
  /** How many replies were dropped. */
  readonly dropped: number;
  /** From now on nothing passes, in either direction, and connections stay open. */
  stall(): void;
  /** From now on connections are refused, and those that are open are cut. */
  refuse(): Promise<void>;
  /** Back to normal. */
  pass(): Promise<void>;
  close(): Promise<void>;
}

export async function startTcpProxy(target: { host: string; port: number }): Promise<TcpProxy> {
  const pairs = new Set<[net.Socket, net.Socket]>();
  let dropArmed = false;
  let dropped = 0;
  let stalled = false;

  const server = net.createServer((client) => {
    const upstream = net.connect(target.port, target.host);
    const pair: [net.Socket, net.Socket] = [client, upstream];
    pairs.add(pair);
    let dropping = false;
    const cut = () => {
      pairs.delete(pair);
      client.destroy();
      upstream.destroy();
    };
    for (const socket of pair) {
      socket.setNoDelay(true);
      socket.on("error", cut);
      socket.on("close", cut);
    }
    client.on("data", (chunk) => {
      if (stalled) return;
      if (dropArmed && chunk.includes(COPY_DONE)) {
        dropArmed = false;
        dropping = true;
      }
      upstream.write(chunk);
    });
    upstream.on("data", (chunk) => {
      if (stalled) return;
      if (dropping) {
        dropped++;
        cut();
      } else client.write(chunk);
    });
  });
  const listen = (port: number) =>
    new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
  await listen(0);
  const { port } = server.address() as net.AddressInfo;
  const stopListening = async () => {
    if (!server.listening) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const pair of [...pairs]) for (const socket of pair) socket.destroy();
    await closed;
  };

  return {
    url: (url) => {
      const changed = new URL(url);
      changed.hostname = "127.0.0.1";
      changed.port = String(port);
      return changed.href;
    },
    dropNextReply: () => {
      dropArmed = true;
    },
    get dropped() {
      return dropped;
    },
    stall: () => {
      stalled = true;
    },
    refuse: stopListening,
    async pass() {
      stalled = false;
      // What was swallowed while it stalled is gone: those connections are of no use any more.
      for (const pair of [...pairs]) for (const socket of pair) socket.destroy();
      if (!server.listening) await listen(port);
    },
    close: stopListening,
  };
}
