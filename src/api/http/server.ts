// The HTTP listener: Fastify with the routes of the table, the web page, the metrics. Everything it answers, errors too,
// carries the same headers; every route is let through by auth/access.ts or not at all.
import { existsSync } from "node:fs";
import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { basename, join, resolve } from "node:path";
import fastifyStatic from "@fastify/static";
import fastifySwagger from "@fastify/swagger";
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { wallMs } from "../../shared/clock";
import { ACCOUNT_PARAM, authorize, type Need, ROUTE_ACCESS } from "../auth/access";
import type { ApiContext } from "../context";
import { API_ERRORS, ApiError } from "../errors";
import { HTTP_BODY_BYTES_MAX, HTTP_CONNECTIONS_MAX, HTTP_HEADER_BYTES_MAX, HTTP_PARAM_CHARS_MAX } from "../limits";
import { endWith } from "../socket";
import { DOCS_CSS, DOCS_HTML, DOCS_JS } from "./docs-page";
import type { Metrics } from "./metrics";
import { asApiError, PROBLEM_JSON, problemOf, sendProblem } from "./problem";
import type { Route } from "./route";
import { accountRoutes } from "./routes/accounts";
import { engineRoutes, healthRoutes } from "./routes/engine";
import { historyRoutes } from "./routes/history";
import { marketRoutes } from "./routes/market";
import { SHARED_SCHEMAS } from "./schemas";
import { hostnameOf, isHostAllowed, securityHeaders } from "./security";

/** Every route of the REST interface. */
export const ROUTES: readonly Route[] = [...healthRoutes, ...engineRoutes, ...marketRoutes, ...accountRoutes, ...historyRoutes];

/** Which of the two listeners. With `http.metrics` set, metrics and health have one of their own, without keys. */
export type ListenerPart = "main" | "metrics";

const NEED_WORDS: Readonly<Record<Need, string>> = {
  public: "nothing",
  key: "any key",
  account: `read:account:{${ACCOUNT_PARAM}} or read:all`,
  all: "read:all",
  admin: "admin",
};

/** ms in which a request line and its headers must have arrived. */
const HEADERS_TIMEOUT_MS = 5_000;

function accessName(method: string, url: string): string {
  return `${method === "HEAD" ? "GET" : method} ${url}`;
}

/** The statuses node:http reports for sockets that speak no HTTP it takes. */
function clientErrorAnswer(error: NodeJS.ErrnoException): string {
  const [status, apiError] =
    error.code === "ERR_HTTP_REQUEST_TIMEOUT"
      ? [408, new ApiError("REQUEST_TIMEOUT", "the request came too slowly")]
      : error.code === "HPE_HEADER_OVERFLOW"
        ? [431, new ApiError("REQUEST_TOO_LARGE", "the headers are larger than the limit")]
        : [400, new ApiError("INVALID_REQUEST", "this is not HTTP")];
  const body = JSON.stringify({ ...problemOf(apiError as ApiError), status });
  return (
    `HTTP/1.1 ${status} ${STATUS_CODES[status as number]}\r\ncontent-type: ${PROBLEM_JSON}\r\n` +
    `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`
  );
}

/**
 * Builds one listener; the caller makes it listen.
 *
 * @throws Error where a route is not in auth/access.ts
 */
export async function createHttpServer(context: ApiContext, metrics: Metrics, part: ListenerPart): Promise<FastifyInstance> {
  const { config, log } = context;
  const app = Fastify({
    logger: false,
    bodyLimit: HTTP_BODY_BYTES_MAX,
    requestTimeout: config.http.requestTimeoutMs,
    connectionTimeout: config.http.connectionTimeoutMs,
    handlerTimeout: config.http.handlerTimeoutMs,
    keepAliveTimeout: config.http.keepAliveTimeoutMs,
    forceCloseConnections: "idle",
    routerOptions: { maxParamLength: HTTP_PARAM_CHARS_MAX },
    http: { maxHeaderSize: HTTP_HEADER_BYTES_MAX, connectionsCheckingInterval: 1_000 },
    ajv: { customOptions: { removeAdditional: false, coerceTypes: true, useDefaults: true, allErrors: false } },
    frameworkErrors: (error, request, reply) => {
      addHeaders(reply);
      void sendProblem(request, reply, asApiError(error) ?? new ApiError("INVALID_REQUEST", "the request cannot be routed"));
    },
    clientErrorHandler(error, socket: Socket) {
      if ((error as NodeJS.ErrnoException).code === "ECONNRESET") socket.destroy();
      else endWith(socket, clientErrorAnswer(error));
    },
  });
  app.server.headersTimeout = Math.min(HEADERS_TIMEOUT_MS, config.http.requestTimeoutMs);
  app.server.maxConnections = HTTP_CONNECTIONS_MAX;

  let headers: Record<string, string> | null = null;
  const addHeaders = (reply: FastifyReply) => {
    headers ??= securityHeaders(context.addresses.streamPort);
    reply.headers(headers);
  };
  const isHealth = (url: string | undefined) => url === "/livez" || url === "/readyz" || url === "/metrics";

  const paths: RegExp[] = [];
  app.addHook("onRoute", (options) => {
    for (const method of Array.isArray(options.method) ? options.method : [options.method]) {
      const name = accessName(method, options.url);
      if (!(name in ROUTE_ACCESS)) throw new Error(`route ${name} is not in auth/access.ts`);
    }
    if (options.url !== "/*") paths.push(new RegExp(`^${options.url.replace(/[.]/g, "\\.").replace(/:[A-Za-z]+/g, "[^/]+")}$`));
  });
  app.addHook("onRequest", async (request, reply) => {
    addHeaders(reply);
    const { url } = request.routeOptions;
    // Health checks and scrapers come by any name; they show nothing of an account.
    if (!isHealth(url) && !isHostAllowed(context, hostnameOf(request.headers.host))) {
      throw new ApiError("HOST_NOT_ALLOWED", "this engine is not known by that name; see http.allowedOrigins");
    }
    if (url === undefined || part === "metrics") return;
    const need: Need = ROUTE_ACCESS[accessName(request.method, url) as keyof typeof ROUTE_ACCESS];
    if (need === "public") return;
    const nowMs = wallMs();
    const principal = context.auth.fromHeader(request.headers.authorization, nowMs);
    const accountId = (request.params as Record<string, string | undefined>)[ACCOUNT_PARAM] ?? null;
    authorize(principal, need, accountId, nowMs);
  });
  app.addHook("onResponse", async (request, reply) => {
    const route = request.routeOptions.url ?? "none";
    metrics.countRequest(route, reply.statusCode, reply.elapsedTime / 1000);
    log.debug(
      { method: request.method, route, status: reply.statusCode, ms: Math.round(reply.elapsedTime * 10) / 10 },
      "request",
    );
  });
  app.setErrorHandler((error, request, reply) => {
    const known = asApiError(error);
    if (known === null) log.error({ err: error, route: request.routeOptions.url }, "a request failed");
    return sendProblem(request, reply, known ?? new ApiError("INTERNAL", "see the engine's log"));
  });
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split("?", 1)[0]!;
    const exists = request.method !== "GET" && request.method !== "HEAD" && paths.some((pattern) => pattern.test(path));
    if (exists) {
      reply.header("allow", "GET, HEAD");
      return sendProblem(request, reply, new ApiError("METHOD_NOT_ALLOWED", `${request.method} is not possible here`));
    }
    return sendProblem(request, reply, new ApiError("NOT_FOUND", "there is nothing at this address"));
  });

  for (const schema of SHARED_SCHEMAS) app.addSchema(schema);
  if (part === "main") await addSwagger(app, context);
  for (const route of ROUTES) if (part === "main" || isHealth(route.path)) addRoute(app, context, route);
  if (part === "metrics" || config.http.metrics === null) addMetrics(app, metrics);
  if (part === "main") {
    addDocs(app);
    await addPage(app, config.http.webRoot);
  }
  return app;
}

function addRoute(app: FastifyInstance, context: ApiContext, route: Route): void {
  const need: Need = ROUTE_ACCESS[`GET ${route.path}` as keyof typeof ROUTE_ACCESS];
  app.route({
    method: "GET",
    url: route.path,
    schema: {
      operationId: route.path.replace(/^\/(api\/v1\/)?/, "").replace(/[/:]+/g, "-"),
      summary: route.summary,
      tags: [route.tag],
      querystring: route.query,
      ...(route.params === null ? {} : { params: route.params }),
      ...(need === "public" ? { security: [] } : {}),
      "x-needs": NEED_WORDS[need],
      response: {
        200: { description: "the answer", content: { "application/json": { schema: route.answer } } },
        default: { description: "an error", content: { "application/problem+json": { schema: { $ref: "Problem#" } } } },
      },
    } as object,
    handler: async (request: FastifyRequest, reply: FastifyReply) => {
      reply.header("cache-control", "no-store").type("application/json; charset=utf-8");
      return route.handle(context, {
        query: request.query as Record<string, unknown>,
        params: request.params as Record<string, unknown>,
        hostname: hostnameOf(request.headers.host),
        signal: request.signal,
      });
    },
  });
}

async function addSwagger(app: FastifyInstance, context: ApiContext): Promise<void> {
  await app.register(fastifySwagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "Plimsoll",
        version: context.identity.version,
        description:
          "Live risk of every account: equity, margin, liquidation prices. Times are ms since the epoch; docs/api.md says the rest.",
        license: { name: "Apache-2.0", identifier: "Apache-2.0" } as { name: string },
      },
      components: {
        securitySchemes: {
          key: { type: "http", scheme: "bearer", description: "Authorization: Bearer <key id>.<secret>" },
        },
      },
      security: context.config.auth.mode === "keys" ? [{ key: [] }] : [],
    },
    refResolver: { buildLocalReference: (json, _base, _fragment, at) => (typeof json.$id === "string" ? json.$id : `def-${at}`) },
  });
  let text: string | null = null;
  app.get("/openapi.json", { schema: { hide: true } }, async (_request, reply) => {
    text ??= JSON.stringify({ ...app.swagger(), "x-errors": API_ERRORS });
    return reply.type("application/json; charset=utf-8").header("cache-control", "no-cache").send(text);
  });
}

function addMetrics(app: FastifyInstance, metrics: Metrics): void {
  app.get("/metrics", { schema: { hide: true } }, async (_request, reply) => {
    const page = await metrics.page();
    return reply.type(metrics.contentType).header("cache-control", "no-store").send(page);
  });
}

function addDocs(app: FastifyInstance): void {
  const files: [string, string, string][] = [
    ["/docs", "text/html; charset=utf-8", DOCS_HTML],
    ["/docs/page.js", "text/javascript; charset=utf-8", DOCS_JS],
    ["/docs/page.css", "text/css; charset=utf-8", DOCS_CSS],
  ];
  for (const [path, type, text] of files) {
    app.get(path, { schema: { hide: true } }, async (_request, reply) =>
      reply.type(type).header("cache-control", "no-cache").send(text),
    );
  }
}

/** The built web page. Where it has not been built, `/` leads to the documentation. */
async function addPage(app: FastifyInstance, webRoot: string | null): Promise<void> {
  const root = webRoot === null ? null : resolve(webRoot);
  if (root === null || !existsSync(join(root, "index.html"))) {
    app.get("/", { schema: { hide: true } }, async (_request, reply) => reply.redirect("/docs"));
    return;
  }
  await app.register(fastifyStatic, {
    root,
    schemaHide: true,
    dotfiles: "ignore",
    etag: true,
    lastModified: true,
    cacheControl: false,
    index: "index.html",
    setHeaders(response, path) {
      // Vite names what it puts into assets/ after its content; everything else is asked for again, by ETag.
      const hashed = /[/\\]assets[/\\]/.test(path) && /-[\w-]{8,}\.\w+$/.test(basename(path));
      response.setHeader("cache-control", hashed ? "public, max-age=31536000, immutable" : "no-cache");
    },
  });
}
