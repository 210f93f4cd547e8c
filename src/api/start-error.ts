// What is said where a port cannot be had.
import { isIP } from "node:net";
import { ApiStartError } from "./errors";

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
