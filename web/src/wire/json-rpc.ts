// JSON-RPC 2.0 as it arrives from the live stream, sorted into what the page does with it. A frame is never trusted further
// than it was looked at.

export interface Push {
  kind: "push";
  channel: string;
  data: Record<string, unknown>;
}

export interface Reply {
  kind: "reply";
  id: number;
  result: unknown;
  error: RpcError | null;
}

export interface RpcError {
  code: number;
  /** What is wrong this time (`data.reason`), or where that is missing the error's name. */
  message: string;
}

/** The server asks for a sign of life ("test_request"), or gives one ("heartbeat"). */
export interface Heartbeat {
  kind: "heartbeat";
  answerWanted: boolean;
}

export interface Malformed {
  kind: "malformed";
  reason: string;
}

export type Incoming = Push | Reply | Heartbeat | Malformed;

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function malformed(reason: string): Malformed {
  return { kind: "malformed", reason };
}

/** Reads one text frame. Never throws: what cannot be read is "malformed" and says why. */
export function readFrame(text: string): Incoming {
  let frame: unknown;
  try {
    frame = JSON.parse(text);
  } catch {
    return malformed("not JSON");
  }
  if (!isObject(frame)) return malformed("not an object");
  if (frame.jsonrpc !== "2.0") return malformed("not JSON-RPC 2.0");
  if (typeof frame.method === "string") {
    const params = frame.params;
    if (frame.method === "heartbeat")
      return { kind: "heartbeat", answerWanted: isObject(params) && params.type === "test_request" };
    if (frame.method !== "subscription") return malformed(`unknown method ${frame.method.slice(0, 40)}`);
    if (!isObject(params) || typeof params.channel !== "string") return malformed("a push without a channel");
    if (!isObject(params.data)) return malformed(`a push on ${params.channel.slice(0, 80)} without data`);
    return { kind: "push", channel: params.channel, data: params.data };
  }
  if (typeof frame.id !== "number") return malformed("neither a reply nor a push");
  const error = frame.error;
  if (error === undefined || error === null) return { kind: "reply", id: frame.id, result: frame.result, error: null };
  if (!isObject(error)) return malformed("an error that is not an object");
  const reason = isObject(error.data) && typeof error.data.reason === "string" ? error.data.reason : error.message;
  return {
    kind: "reply",
    id: frame.id,
    result: undefined,
    error: {
      code: typeof error.code === "number" ? error.code : 0,
      message: typeof reason === "string" ? reason : "refused without a reason",
    },
  };
}
