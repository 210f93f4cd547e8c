// Chooses the stream's transport and makes it listen.
import { isIP } from "node:net";
import type { StreamConfig } from "../config";
import { ApiStartError } from "../errors";
import { STREAM_BACKPRESSURE_BYTES_MAX, STREAM_PAYLOAD_BYTES_MAX } from "../limits";
import { ListenError, type StreamHandlers, type StreamListener } from "./transport";
import { listenUws, loadUws, uwsBinaryName } from "./uws";
import { listenWs } from "./ws";

/**
 * @throws ApiStartError STREAM_PORT_IN_USE, ADDRESS_NOT_AVAILABLE, STREAM_TRANSPORT_UNAVAILABLE
 */
export async function listenStream(config: StreamConfig, handlers: StreamHandlers): Promise<StreamListener> {
  const options = {
    host: config.host,
    port: config.port,
    payloadBytesMax: STREAM_PAYLOAD_BYTES_MAX,
    backpressureBytesMax: STREAM_BACKPRESSURE_BYTES_MAX,
  };
  const uws = config.transport === "ws" ? null : loadUws();
  if (config.transport === "uws" && uws === null) {
    throw new ApiStartError("STREAM_TRANSPORT_UNAVAILABLE", `stream.transport is "uws" and ${uwsBinaryName()} does not load`);
  }
  try {
    return uws === null ? await listenWs(options, handlers) : await listenUws(uws, options, handlers);
  } catch (error) {
    if (!(error instanceof ListenError)) throw error;
    throw startError(error.code, "stream", config.host, config.port);
  }
}

/** A listen that failed, in the operator's words. */
export function startError(
  code: string | undefined,
  part: "http" | "stream" | "http.metrics",
  host: string,
  port: number,
): ApiStartError {
  const keys =
    part === "http.metrics" ? { host: "http.host", port: "http.metricsPort" } : { host: `${part}.host`, port: `${part}.port` };
  const address = `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
  if (code === "EADDRINUSE") {
    const name = part === "http" ? "HTTP_PORT_IN_USE" : part === "stream" ? "STREAM_PORT_IN_USE" : "METRICS_PORT_IN_USE";
    return new ApiStartError(name, `${address} is in use by another program; set ${keys.port} or stop it`);
  }
  return new ApiStartError(
    "ADDRESS_NOT_AVAILABLE",
    `cannot listen on ${address} (${code ?? "unknown"}); check ${keys.host} and ${keys.port}`,
  );
}
