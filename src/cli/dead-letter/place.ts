// Where a message came to lie: `plimsoll.accounts/2/4711`, the key of its dead letter and the way people name it.
import { type TopicRole, topicName } from "../../ingest/kafka/topics";
import { PlimsollError } from "../../shared/errors";

export interface Place {
  topic: string;
  partition: number;
  offset: number;
}

/** Topics the engine reads: only their messages can be refused. In the order in which letters are written again. */
export const INPUT_ROLES = ["reference", "market", "accounts"] as const satisfies readonly TopicRole[];
export type InputRole = (typeof INPUT_ROLES)[number];

const PARTITION_MAX = 0x7fffffff;

export function placeText({ topic, partition, offset }: Place): string {
  return `${topic}/${partition}/${offset}`;
}

/** Null for a topic that no engine with this prefix reads. */
export function roleOf(topic: string, prefix: string): InputRole | null {
  return INPUT_ROLES.find((role) => topicName(role, prefix) === topic) ?? null;
}

/** @throws PlimsollError CONFIG_INVALID where it is none of them */
export function parseRole(text: string): InputRole {
  const role = INPUT_ROLES.find((each) => each === text);
  if (role === undefined)
    throw new PlimsollError("CONFIG_INVALID", `--topic must be accounts, market or reference, not "${text}"`);
  return role;
}

/**
 * @param text topic/partition/offset as `list` prints it; the topic may be given without its prefix
 * @throws PlimsollError CONFIG_INVALID naming what is wrong with it
 */
export function parsePlace(text: string, prefix: string): Place {
  const wrong = (what: string) => new PlimsollError("CONFIG_INVALID", `"${text}" ${what}`);
  const match = /^([^/]+)\/(\d{1,10})\/(\d{1,16})$/.exec(text);
  if (match === null) throw wrong("is not topic/partition/offset, such as accounts/2/4711");
  const role = INPUT_ROLES.find((each) => each === match[1] || topicName(each, prefix) === match[1]);
  if (role === undefined) throw wrong(`names a topic that is not accounts, market or reference with the prefix "${prefix}"`);
  const partition = Number(match[2]);
  const offset = Number(match[3]);
  if (partition > PARTITION_MAX) throw wrong("has a partition that is too large");
  if (!Number.isSafeInteger(offset)) throw wrong("has an offset that is too large");
  return { topic: topicName(role, prefix), partition, offset };
}
