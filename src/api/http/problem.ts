// Errors as problem+json (RFC 9457), the same for every route, for requests that reach no route, and for sockets that
// speak no HTTP at all.
import { STATUS_CODES } from "node:http";
import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import { API_ERRORS, ApiError, type ApiErrorCode } from "../errors";
import type { Refusal } from "../stream/transport";

export const PROBLEM_JSON = "application/problem+json; charset=utf-8";

export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: ApiErrorCode;
  instance?: string;
  field?: string;
  [extra: string]: unknown;
}

/** @param instance  path of the request, without its query */
export function problemOf(error: ApiError, instance?: string): Problem {
  const row = API_ERRORS[error.code];
  const status = row.status ?? 500;
  return {
    type: `/docs#${error.code}`,
    title: row.title,
    status,
    detail: error.detail,
    code: error.code,
    ...(instance === undefined ? {} : { instance }),
    ...(error.field === null ? {} : { field: error.field }),
    ...error.extra,
  };
}

/** The same for the stream's port, which has no Fastify. */
export function refusalOf(error: ApiError): Refusal {
  const problem = problemOf(error);
  return { status: problem.status, reason: STATUS_CODES[problem.status] ?? "Error", body: JSON.stringify(problem) };
}

export function sendProblem(request: FastifyRequest, reply: FastifyReply, error: ApiError): FastifyReply {
  const problem = problemOf(error, request.url.split("?", 1)[0]);
  if (problem.status === 503) reply.header("retry-after", "1");
  if (problem.status === 401) reply.header("www-authenticate", 'Bearer realm="plimsoll"');
  // As text: a serialiser made for a route's own answers must not see it.
  return reply
    .code(problem.status)
    .header("content-type", PROBLEM_JSON)
    .header("cache-control", "no-store")
    .serializer((payload: unknown) => payload as string)
    .send(JSON.stringify(problem));
}

const FRAMEWORK_ERRORS: Readonly<Record<string, readonly [ApiErrorCode, string]>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: ["REQUEST_TOO_LARGE", "the body is larger than the limit"],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ["UNSUPPORTED_MEDIA_TYPE", "no route takes a body of this type"],
  FST_ERR_CTP_INVALID_JSON_BODY: ["PARSE_ERROR", "the body is not valid JSON"],
  FST_ERR_CTP_EMPTY_JSON_BODY: ["PARSE_ERROR", "the body is empty"],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ["INVALID_REQUEST", "content-length and body differ"],
  FST_ERR_BAD_URL: ["INVALID_REQUEST", "the address is not a valid URL"],
  FST_ERR_MAX_PARAM_LENGTH: ["URI_TOO_LONG", "a part of the address is too long"],
  FST_ERR_HANDLER_TIMEOUT: ["HANDLER_TIMEOUT", "the answer took too long"],
  FST_ERR_ASYNC_CONSTRAINT: ["INVALID_REQUEST", "the request cannot be routed"],
};

/** What a schema refused, by name. */
function validationError(error: FastifyError): ApiError {
  const first = error.validation?.[0];
  if (first === undefined) return new ApiError("INVALID_PARAMS", "invalid");
  const params = first.params as Record<string, unknown>;
  const name = (params.additionalProperty ?? params.missingProperty ?? first.instancePath.replace(/^\//, "")) as string;
  const field = String(name).slice(0, 64);
  if (first.keyword === "additionalProperties")
    return new ApiError("INVALID_PARAMS", `unknown parameter ${JSON.stringify(field)}`, field);
  const allowed = Array.isArray(params.allowedValues) ? `: ${params.allowedValues.join(", ")}` : "";
  return new ApiError("INVALID_PARAMS", `${field} ${first.message ?? "is invalid"}${allowed}`, field);
}

/** Whatever was thrown, as an error a client may read; null: it is a fault of ours, to be logged. */
export function asApiError(error: unknown): ApiError | null {
  if (error instanceof ApiError) return error;
  const fastifyError = error as FastifyError;
  if (fastifyError.validation !== undefined) return validationError(fastifyError);
  const known = FRAMEWORK_ERRORS[fastifyError.code];
  if (known !== undefined) return new ApiError(known[0], known[1]);
  if (typeof fastifyError.statusCode === "number" && fastifyError.statusCode >= 400 && fastifyError.statusCode < 500) {
    return new ApiError(fastifyError.statusCode === 404 ? "NOT_FOUND" : "INVALID_REQUEST", "the request cannot be answered");
  }
  return null;
}
