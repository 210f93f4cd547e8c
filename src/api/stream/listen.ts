// Chooses the stream's transport and makes it listen.
import type { StreamConfig } from "../config";
import { ApiStartError } from "../errors";
import { STREAM_BACKPRESSURE_BYTES_MAX, STREAM_PAYLOAD_BYTES_MAX } from "../limits";
import { startError } from "../start-error";
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
