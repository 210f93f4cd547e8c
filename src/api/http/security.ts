// Headers and hosts. The page, the docs and the JSON carry the same policy: scripts and styles from here only, no frames,
// connections to here and to the stream's port.
import { isIP } from "node:net";
import type { ApiContext } from "../context";
import { ApiError } from "../errors";

/** @param streamPort  the page may open a WebSocket there, on whatever host it came from */
export function securityHeaders(streamPort: number): Record<string, string> {
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "manifest-src 'self'",
    `connect-src 'self' ws://*:${streamPort} wss://*:${streamPort}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ];
  return {
    "content-security-policy": policy.join("; "),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
  };
}

/** The host of a Host header, without its port and without the brackets of IPv6; "" where it is none. */
export function hostnameOf(host: string | undefined): string {
  const match = /^(\[[0-9a-fA-F:.]+\]|[^:/?#@\s]+)(?::\d{1,5})?$/.exec(host ?? "");
  return match === null ? "" : match[1]!.toLowerCase();
}

const LOOPBACK_NAMES = ["localhost", "127.0.0.1", "[::1]"];

function hostOfOrigin(origin: string): string {
  try {
    return new URL(origin).hostname.toLowerCase();
  } catch {
    return "";
  }
}

/**
 * Whether a request may have been meant for this engine. A page of another site can make its own name resolve to this
 * address (DNS rebinding); what it cannot do is make the browser send a Host header that is an address or a name listed
 * here.
 */
export function isHostAllowed(context: ApiContext, hostname: string): boolean {
  if (hostname === "localhost" || hostname === context.config.http.host.toLowerCase()) return true;
  if (isIP(hostname.replace(/^\[|\]$/g, "")) !== 0) return true;
  return context.config.http.allowedOrigins.some((origin) => hostOfOrigin(origin) === hostname);
}

/** Origins whose pages may open the stream: this engine's own page as loopback sees it, and the configured ones. */
export function allowedOrigins(context: ApiContext): Set<string> {
  const { http } = context.config;
  const hosts = new Set(LOOPBACK_NAMES);
  if (http.host !== "0.0.0.0" && http.host !== "::")
    hosts.add(isIP(http.host) === 6 ? `[${http.host}]` : http.host.toLowerCase());
  const own = [...hosts].map(
    (host) => `http://${host}${context.addresses.httpPort === 80 ? "" : `:${context.addresses.httpPort}`}`,
  );
  return new Set([...own, ...http.allowedOrigins.map((origin) => origin.toLowerCase().replace(/\/$/, ""))]);
}

/**
 * The check before a WebSocket handshake. A client that is no browser sends no Origin.
 *
 * @throws ApiError ORIGIN_NOT_ALLOWED
 */
export function requireOrigin(context: ApiContext, origin: string): void {
  if (origin === "") return;
  if (allowedOrigins(context).has(origin.toLowerCase())) return;
  throw new ApiError("ORIGIN_NOT_ALLOWED", "pages of this origin may not open the stream; see http.allowedOrigins");
}
