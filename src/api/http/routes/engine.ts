// Routes about the engine itself: what it is, how it is, where its stream is.
import { wallMs } from "../../../shared/clock";
import { STREAM_PATH } from "../../context";
import { ApiError } from "../../errors";
import { INTERVALS } from "../../intervals";
import { STREAM_CHANNELS_PER_REQUEST_MAX, STREAM_PAYLOAD_BYTES_MAX, STREAM_REQUESTS_PER_SECOND } from "../../limits";
import { CHANNEL_PATTERNS } from "../../stream/channel-name";
import { METHODS } from "../../stream/methods";
import { route } from "../route";
import { Answers, Queries } from "../schemas";

export const engineRoutes = [
  route({
    path: "/api/v1/engine",
    tag: "engine",
    summary: "What this engine is, whether it is ready, and where its stream listens",
    query: Queries.none,
    answer: Answers.engine,
    handle: ({ identity, platform, addresses, config }) => {
      const notReady = platform.notReady();
      return {
        ...identity,
        mode: platform.mode,
        nowMs: wallMs(),
        ready: notReady.length === 0,
        notReady,
        auth: config.auth.mode,
        streamPort: addresses.streamPort,
        streamPath: STREAM_PATH,
        transport: addresses.transport ?? "none",
      };
    },
  }),
  route({
    path: STREAM_PATH,
    tag: "engine",
    summary: "The live stream: its address, methods, channels and limits",
    query: Queries.none,
    answer: Answers.stream,
    handle: ({ addresses, config }, { hostname }) => ({
      url: `ws://${hostname}:${addresses.streamPort}${STREAM_PATH}`,
      port: addresses.streamPort,
      path: STREAM_PATH,
      protocol: "JSON-RPC 2.0 over WebSocket",
      methods: Object.keys(METHODS),
      channels: CHANNEL_PATTERNS,
      intervals: INTERVALS,
      limits: {
        payloadBytes: STREAM_PAYLOAD_BYTES_MAX,
        subscriptions: config.stream.maxSubscriptions,
        channelsPerRequest: STREAM_CHANNELS_PER_REQUEST_MAX,
        requestsPerSecond: STREAM_REQUESTS_PER_SECOND,
        clients: config.stream.maxClients,
        idleTimeoutMs: config.stream.idleTimeoutMs,
        topCount: config.stream.topCount,
      },
    }),
  }),
  route({
    path: "/api/v1/platform",
    tag: "engine",
    summary: "Rates, lag, rings, latency, shards and store: what the channel platform.state pushes",
    query: Queries.none,
    answer: Answers.platform,
    handle: ({ platform }) => platform.state(),
  }),
  route({
    path: "/api/v1/shards",
    tag: "engine",
    summary: "State of every shard this engine owns",
    query: Queries.none,
    answer: Answers.shards,
    handle: ({ platform }) => ({ shards: platform.shards() }),
  }),
];

export const healthRoutes = [
  route({
    path: "/livez",
    tag: "health",
    summary: "The api thread answers",
    query: Queries.none,
    answer: Answers.health,
    handle: () => ({ status: "alive" }),
  }),
  route({
    path: "/readyz",
    tag: "health",
    summary: "Every shard has caught up with its log and instruments are known; 503 with the reasons otherwise",
    query: Queries.none,
    answer: Answers.health,
    handle: ({ platform }) => {
      const reasons = platform.notReady();
      if (reasons.length > 0) throw new ApiError("NOT_READY", reasons.slice(0, 5).join("; "), null, { reasons });
      return { status: "ready" };
    },
  }),
];
