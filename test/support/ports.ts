// Loopback ports for servers that tests start. Nothing here listens: a port is free now, so start the server soon.

import { freePorts } from "../../scripts/kafka/broker.mjs";

export { freePorts };

/** One loopback TCP port that nobody listens on. */
export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  return port!;
}
