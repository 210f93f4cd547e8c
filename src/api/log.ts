// The log of the api thread: pino, JSON lines to standard error, written by this thread itself. Nothing of a request is
// logged but its route, status and time: no payload, no address parameters, no header, no key.
import pino from "pino";
import type { ApiConfig } from "./config";

export type ApiLog = pino.Logger;

export function createLog(level: ApiConfig["logLevel"]): ApiLog {
  return pino(
    {
      level,
      base: { thread: "api" },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: {
        err: (error: Error) => ({ name: error.name, message: error.message, stack: error.stack }),
      },
    },
    pino.destination({ fd: 2, sync: false }),
  );
}
