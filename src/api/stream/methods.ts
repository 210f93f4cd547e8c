// The methods of the stream, one table. Each checks its parameters and answers with its result or throws an ApiError.
import { wallMs } from "../../shared/clock";
import { scopeText } from "../auth/authenticator";
import { isKeyId, isSecretShaped } from "../auth/keys";
import { ApiError } from "../errors";
import { HEARTBEAT_SECONDS_MAX, HEARTBEAT_SECONDS_MIN, STREAM_CHANNELS_PER_REQUEST_MAX } from "../limits";
import type { Hub } from "./hub";
import { integerParam, onlyParams, stringParam } from "./json-rpc";
import type { Session } from "./session";

type Params = Readonly<Record<string, unknown>>;
export type Method = (hub: Hub, session: Session, params: Params) => unknown;

function channelsParam(params: Params): string[] {
  onlyParams(params, ["channels"]);
  const { channels } = params;
  if (!Array.isArray(channels) || channels.length === 0 || channels.length > STREAM_CHANNELS_PER_REQUEST_MAX) {
    throw new ApiError("INVALID_PARAMS", `a list of 1 to ${STREAM_CHANNELS_PER_REQUEST_MAX} channel names`, "channels");
  }
  for (const [at, channel] of channels.entries()) {
    if (typeof channel !== "string") throw new ApiError("INVALID_PARAMS", "a channel name is a string", `channels[${at}]`);
  }
  return channels as string[];
}

function none(params: Params): void {
  onlyParams(params, []);
}

const methods: Record<string, Method> = {
  "public/auth": (hub, session, params) => {
    onlyParams(params, ["grant_type", "client_id", "client_secret"]);
    if (params.grant_type !== "client_credentials") {
      throw new ApiError("INVALID_PARAMS", 'only "client_credentials" is supported', "grant_type");
    }
    const id = stringParam(params, "client_id", 64);
    const secret = stringParam(params, "client_secret", 64);
    if (hub.authMode === "keys" && !(isKeyId(id) && isSecretShaped(secret))) {
      throw new ApiError("INVALID_CREDENTIALS", "unknown key or wrong secret");
    }
    const principal = hub.authenticate(session, id, secret);
    const expiresIn = principal.expiresMs === null ? null : Math.max(0, Math.floor((principal.expiresMs - wallMs()) / 1000));
    return { client_id: principal.id, scope: scopeText(principal), expires_in: expiresIn };
  },
  "public/subscribe": (hub, session, params) => hub.subscribe(session, channelsParam(params)),
  "public/unsubscribe": (hub, session, params) => hub.unsubscribe(session, channelsParam(params)),
  "public/unsubscribe_all": (hub, session, params) => {
    none(params);
    hub.unsubscribe(session, [...session.subscriptions.keys()]);
    return "ok";
  },
  "public/set_heartbeat": (hub, session, params) => {
    onlyParams(params, ["interval"]);
    hub.setHeartbeat(session, integerParam(params, "interval", HEARTBEAT_SECONDS_MIN, HEARTBEAT_SECONDS_MAX));
    return "ok";
  },
  "public/disable_heartbeat": (hub, session, params) => {
    none(params);
    hub.setHeartbeat(session, 0);
    return "ok";
  },
  "public/test": (hub, _session, params) => {
    onlyParams(params, ["expected_result"]);
    if (params.expected_result !== undefined) {
      if (params.expected_result !== "exception")
        throw new ApiError("INVALID_PARAMS", '"exception" or nothing', "expected_result");
      throw new ApiError("INVALID_REQUEST", "the exception that was asked for", "expected_result");
    }
    return { version: hub.version };
  },
  "public/hello": (hub, _session, params) => {
    onlyParams(params, ["client_name", "client_version"]);
    stringParam(params, "client_name", 64);
    stringParam(params, "client_version", 64);
    return { version: hub.version };
  },
  "public/get_time": (_hub, _session, params) => {
    none(params);
    return wallMs();
  },
};

/** Without a prototype: no method is called `constructor`. */
export const METHODS: Readonly<Record<string, Method | undefined>> = Object.assign(Object.create(null), methods);
