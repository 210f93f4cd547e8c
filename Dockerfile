# Plimsoll's engine. Two stages: one compiles (the Kafka client is native), one runs, as a user without rights.

FROM node:20-bookworm AS build
WORKDIR /app
# Dependencies first: they change less often than the sources, and compiling librdkafka takes minutes. The project's own
# build is a lifecycle script too and needs the sources, so scripts of dependencies are run by name.
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts && npm rebuild
COPY . .
RUN node scripts/build.mjs && npm prune --omit=dev --ignore-scripts

FROM node:20-bookworm-slim
# What the compiled librdkafka links to.
RUN apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates libcurl4 liblz4-1 libsasl2-2 libssl3 libzstd1 zlib1g \
  && rm -rf /var/lib/apt/lists/*
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY --from=build /app/migrations ./migrations
# The engine's own folder: spill files, and the embedded database where no other is given.
RUN install -d -o node -g node -m 0700 /data
USER node
ENV PLIMSOLL_ENGINE_DATA_DIR=/data
VOLUME /data
EXPOSE 8080 8081
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8080/readyz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "/app/dist/plimsoll.js"]
CMD ["up"]
