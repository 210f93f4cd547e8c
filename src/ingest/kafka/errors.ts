// What can go wrong between Plimsoll and a Kafka broker, as one table: a code of ours, whether trying again can help, and
// one line a person can act on. librdkafka knows about 200 codes; all of them end in one of these.

/** What the caller can do about an error. */
export type KafkaErrorKind =
  /** It passes by itself or with the broker: the client keeps trying, nothing is lost. */
  | "retriable"
  /** Somebody has to change a setting, a topic or a permission; trying again gives the same answer. */
  | "config"
  /** Going on would lose or double input: the engine stops. */
  | "fatal";

/**
 * The error table: code → [kind, meaning, what the operator does].
 */
export const KAFKA_ERRORS = {
  KAFKA_UNAVAILABLE: ["retriable", "no broker can be reached", "check the brokers' address and that they run"],
  KAFKA_TIMEOUT: ["retriable", "the broker did not answer in time", "check the broker's load and the network"],
  KAFKA_BROKER_ERROR: ["retriable", "the broker refused a request for now", "read the broker's log if it does not pass"],
  KAFKA_NOT_OWNER: ["retriable", "the consumer group gave the partition to another member", "nothing: the new owner goes on"],
  KAFKA_CONFIG: ["config", "a Kafka setting is not valid", "correct the setting that is named"],
  KAFKA_AUTH: ["config", "the broker refused who we are or what we ask for", "check credentials, certificates and ACLs"],
  KAFKA_TOPIC_UNKNOWN: ["config", "a topic or partition does not exist", "create it with `plimsoll topics`"],
  KAFKA_TOPIC_MISMATCH: ["config", "a topic exists with other properties than Plimsoll needs", "recreate or alter the topic"],
  KAFKA_MESSAGE_TOO_LARGE: ["config", "a message is larger than the topic takes", "raise max.message.bytes or send less"],
  KAFKA_OFFSET_OUT_OF_RANGE: [
    "fatal",
    "the log no longer holds the next message",
    "restore a snapshot or rebuild from a full log",
  ],
  KAFKA_LOG_GAP: [
    "fatal",
    "messages are missing inside the log or failed their checksum",
    "restore the partition from a replica or a backup; what is missing is not passed over",
  ],
  KAFKA_FENCED: [
    "fatal",
    "another engine joined the consumer group under this engine's name and has its partitions",
    "give each engine an `engine.name` and an `engine.dataDir` of its own",
  ],
  KAFKA_FATAL: ["fatal", "the Kafka client cannot go on", "restart; report it with the text of this error"],
  KAFKA_CLOSED: ["fatal", "the client is closed or not connected", "a mistake of the program"],
  KAFKA_NATIVE: ["config", "the native Kafka client cannot be loaded", "run npm rebuild node-rdkafka"],
} as const satisfies Record<string, readonly [KafkaErrorKind, string, string]>;

export type KafkaErrorCode = keyof typeof KAFKA_ERRORS;

/** An error of the Kafka boundary. `message` is one line and names what it is about. */
export class KafkaError extends Error {
  override readonly name = "KafkaError";
  readonly kind: KafkaErrorKind;

  /**
   * @param code       see KAFKA_ERRORS
   * @param detail     one line: what, where
   * @param nativeCode librdkafka's number, where there is one
   */
  constructor(
    readonly code: KafkaErrorCode,
    detail: string,
    readonly nativeCode?: number,
  ) {
    super(detail);
    this.kind = KAFKA_ERRORS[code][0];
  }
}

/** librdkafka's own numbers, those that are told apart. Negative from -100 down: the client; above: the broker. */
export const RD = {
  BAD_MSG: -199,
  TRANSPORT: -195,
  RESOLVE: -193,
  MSG_TIMED_OUT: -192,
  UNKNOWN_PARTITION: -190,
  UNKNOWN_TOPIC: -188,
  ALL_BROKERS_DOWN: -187,
  INVALID_ARG: -186,
  TIMED_OUT: -185,
  QUEUE_FULL: -184,
  SSL: -181,
  UNKNOWN_GROUP: -179,
  REVOKE_PARTITIONS: -174,
  ASSIGN_PARTITIONS: -175,
  CONFLICT: -173,
  STATE: -172,
  AUTHENTICATION: -169,
  NO_OFFSET: -168,
  TIMED_OUT_QUEUE: -166,
  PURGE_QUEUE: -152,
  PURGE_INFLIGHT: -151,
  FATAL: -150,
  MAX_POLL_EXCEEDED: -147,
  AUTO_OFFSET_RESET: -140,
} as const;

// A rule a line: librdkafka's number, our code. What is not listed is KAFKA_BROKER_ERROR if the broker sent it (a positive
// number), else KAFKA_FATAL: an error nobody has thought about must not be shrugged off.
const RULES: ReadonlyMap<number, KafkaErrorCode> = new Map<number, KafkaErrorCode>([
  [RD.BAD_MSG, "KAFKA_LOG_GAP"],
  [-198, "KAFKA_LOG_GAP"], // bad compression
  [-197, "KAFKA_CLOSED"], // broker handle destroyed
  [RD.TRANSPORT, "KAFKA_UNAVAILABLE"],
  [RD.RESOLVE, "KAFKA_UNAVAILABLE"],
  [RD.MSG_TIMED_OUT, "KAFKA_TIMEOUT"],
  [RD.UNKNOWN_PARTITION, "KAFKA_TOPIC_UNKNOWN"],
  [RD.UNKNOWN_TOPIC, "KAFKA_TOPIC_UNKNOWN"],
  [RD.ALL_BROKERS_DOWN, "KAFKA_UNAVAILABLE"],
  [RD.INVALID_ARG, "KAFKA_CONFIG"],
  [RD.TIMED_OUT, "KAFKA_TIMEOUT"],
  [RD.QUEUE_FULL, "KAFKA_TIMEOUT"],
  [-182, "KAFKA_UNAVAILABLE"], // node update
  [RD.SSL, "KAFKA_AUTH"],
  [-180, "KAFKA_UNAVAILABLE"], // waiting for coordinator
  [RD.UNKNOWN_GROUP, "KAFKA_UNAVAILABLE"],
  [-178, "KAFKA_BROKER_ERROR"], // in progress
  [-177, "KAFKA_BROKER_ERROR"], // previous operation in progress
  [RD.CONFLICT, "KAFKA_CONFIG"],
  [RD.STATE, "KAFKA_CLOSED"],
  [RD.AUTHENTICATION, "KAFKA_AUTH"],
  [RD.NO_OFFSET, "KAFKA_OFFSET_OUT_OF_RANGE"],
  [RD.TIMED_OUT_QUEUE, "KAFKA_TIMEOUT"],
  [RD.PURGE_QUEUE, "KAFKA_CLOSED"],
  [RD.PURGE_INFLIGHT, "KAFKA_CLOSED"],
  [RD.FATAL, "KAFKA_FATAL"],
  [RD.MAX_POLL_EXCEEDED, "KAFKA_NOT_OWNER"],
  [-144, "KAFKA_FATAL"], // fenced by a newer instance
  [RD.AUTO_OFFSET_RESET, "KAFKA_OFFSET_OUT_OF_RANGE"],
  [1, "KAFKA_OFFSET_OUT_OF_RANGE"],
  [2, "KAFKA_LOG_GAP"], // corrupt message
  [3, "KAFKA_TOPIC_UNKNOWN"],
  [10, "KAFKA_MESSAGE_TOO_LARGE"],
  [17, "KAFKA_CONFIG"], // invalid topic name
  [18, "KAFKA_MESSAGE_TOO_LARGE"], // record list too large
  [22, "KAFKA_NOT_OWNER"], // illegal generation
  [23, "KAFKA_CONFIG"], // inconsistent group protocol
  [25, "KAFKA_NOT_OWNER"], // unknown member
  [26, "KAFKA_CONFIG"], // session timeout outside the brokers' limits
  [27, "KAFKA_NOT_OWNER"], // rebalance in progress
  [29, "KAFKA_AUTH"], // topic authorization
  [30, "KAFKA_AUTH"], // group authorization
  [31, "KAFKA_AUTH"], // cluster authorization
  [33, "KAFKA_AUTH"], // unsupported SASL mechanism
  [35, "KAFKA_CONFIG"], // unsupported version
  [45, "KAFKA_FATAL"], // out of order sequence
  [47, "KAFKA_FATAL"], // invalid producer epoch
  [58, "KAFKA_AUTH"], // SASL authentication failed
  [82, "KAFKA_FENCED"], // fenced instance id
  [90, "KAFKA_FATAL"], // producer fenced
]);

/** Our code for a librdkafka number. */
export function classifyCode(nativeCode: number): KafkaErrorCode {
  return RULES.get(nativeCode) ?? (nativeCode > 0 ? "KAFKA_BROKER_ERROR" : "KAFKA_FATAL");
}

/**
 * One of our errors for one of librdkafka's.
 *
 * @param error what node-rdkafka threw or handed over; `code` is librdkafka's number
 * @param doing what was being done, to begin the line with
 */
export function toKafkaError(error: unknown, doing: string): KafkaError {
  if (error instanceof KafkaError) return error;
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  const text = typeof message === "string" && message !== "" ? message : String(error);
  if (typeof code !== "number") return new KafkaError("KAFKA_FATAL", `${doing}: ${text}`);
  return new KafkaError(classifyCode(code), `${doing}: ${text}`, code);
}
