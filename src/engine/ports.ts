// Whether the ports that the api will take are free: asked before anything else is started, for its thread takes a while to load.
import { createServer } from "node:net";
import type { ApiConfig } from "../api/config";
import { startError } from "../api/start-error";
import { PlimsollError } from "../shared/errors";

/** @throws PlimsollError API_FAILED in the words in which the api itself would say it */
export async function portsAreFree({ http, stream }: Pick<ApiConfig, "http" | "stream">): Promise<void> {
  await portIsFree("stream", stream.host, stream.port);
  await portIsFree("http", http.host, http.port);
  if (http.metrics !== null) await portIsFree("http.metrics", http.metrics.host, http.metrics.port);
}

async function portIsFree(part: "http" | "stream" | "http.metrics", host: string, port: number): Promise<void> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => server.once("error", reject).listen({ host, port }, resolve));
  } catch (error) {
    throw new PlimsollError("API_FAILED", startError((error as NodeJS.ErrnoException).code, part, host, port).message);
  }
  await new Promise((resolve) => server.close(resolve));
}
