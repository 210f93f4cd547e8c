// Opens the sockets under postgres.js. By itself it leaves Nagle's algorithm on, and a COPY then waits for the server's
// delayed acknowledgement, 40 ms a batch: with it off, COPY is four times as fast (docs/store.md has the measurement).
import net from "node:net";
import { StoreError } from "./errors";

interface SocketOptions {
  host: string[];
  port: number[];
  path?: string | false;
}

/**
 * The option `socket` of postgres.js: tries each host in turn, each until its share of the deadline is over.
 *
 * @param opened every socket handed out and not closed yet: whoever gives a connection up destroys them, because
 *   postgres.js only says goodbye and leaves a socket whose server does not answer open
 */
export function connectSocket(
  deadlineMs: number,
  opened = new Set<net.Socket>(),
): (options: SocketOptions) => Promise<net.Socket> {
  return async (options) => {
    const addresses: net.NetConnectOpts[] = options.path
      ? [{ path: options.path }]
      : options.host.map((host, i) => ({ host, port: options.port[i] ?? options.port[0]!, noDelay: true, keepAlive: true }));
    let failure: Error | undefined;
    for (const address of addresses) {
      try {
        const socket = await open(address, deadlineMs / addresses.length);
        opened.add(socket);
        socket.once("close", () => opened.delete(socket));
        return socket;
      } catch (error) {
        failure = error as Error;
      }
    }
    throw failure ?? new StoreError("STORE_DATABASE_UNREACHABLE", "no host to connect to");
  };
}

function open(address: net.NetConnectOpts, deadlineMs: number): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(address);
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new StoreError("STORE_DATABASE_UNREACHABLE", `no connection within ${Math.round(deadlineMs)} ms`));
    }, deadlineMs);
    socket.once("connect", () => {
      clearTimeout(timer);
      socket.removeAllListeners("error");
      // postgres.js names the host when it asks for TLS.
      if ("host" in address) Object.assign(socket, { host: address.host, port: address.port });
      resolve(socket);
    });
    socket.once("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
  });
}
