// How a command ends that could not do its work: one line on stderr, and the exit status that goes with it.
import { KafkaError } from "../ingest/kafka/errors";
import { PlimsollError } from "../shared/errors";

/** 2: the command was called wrongly (usage, configuration); 1: it failed. */
export function exitStatusOf(error: unknown): number {
  if (error instanceof PlimsollError) return error.exitStatus;
  if (error instanceof KafkaError && error.code === "KAFKA_CONFIG") return 2;
  if ((error as { code?: string }).code === "STORE_CONFIG_INVALID") return 2;
  return 1;
}

/** Code and message in one line. */
export function oneLine(error: unknown): string {
  const code = (error as { code?: unknown }).code;
  const message = (error instanceof Error ? error.message : String(error)).replace(/\s*\n\s*/g, "; ");
  return typeof code === "string" ? `${code}: ${message}` : message;
}
