// docker-compose.yml and what it mounts, checked as far as that goes without a Docker engine: every file is there, every
// name that one service uses of another exists, nothing is published beyond loopback, nobody runs without a health check.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { POSTGRES, PROMETHEUS } from "../../grafana/query";

const ROOT = join(fileURLToPath(import.meta.url), "../../..");
const read = (path: string) => readFileSync(join(ROOT, path), "utf8");

interface Service {
  image?: string;
  build?: string;
  environment?: Record<string, string | number>;
  ports?: string[];
  volumes?: string[];
  depends_on?: Record<string, { condition: string }>;
  healthcheck?: { test: string[] };
  restart?: string;
  security_opt?: string[];
}

const compose = parse(read("docker-compose.yml"), { merge: true }) as {
  services: Record<string, Service>;
  volumes: Record<string, null>;
};
const services = Object.entries(compose.services);

describe("docker-compose.yml", () => {
  it("runs Kafka, TimescaleDB, the engine, Prometheus and Grafana", () => {
    expect(Object.keys(compose.services)).toEqual(["kafka", "timescaledb", "engine", "prometheus", "grafana"]);
  });

  it.each(services)("%s: an image of a fixed version, loopback ports, a restart policy, no new privileges", (name, service) => {
    if (name !== "engine") expect(service.image).toMatch(/^[a-z/]+:v?\d+\.\d+\.\d+(-pg\d+)?$/);
    for (const port of service.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
    expect(service.restart).toBe("unless-stopped");
    expect(service.security_opt).toEqual(["no-new-privileges:true"]);
  });

  it("runs the Kafka that the tests run", () => {
    const tested = /<kafka\.version>([^<]+)</.exec(read("scripts/kafka/pom.xml"))![1];
    expect(compose.services.kafka.image).toBe(`apache/kafka:${tested}`);
  });

  it.each(services)("%s: says when it is healthy", (name, service) => {
    if (name === "engine") expect(read("Dockerfile")).toMatch(/^HEALTHCHECK .*\n.*\/readyz/m);
    else expect(service.healthcheck?.test[0]).toBe("CMD");
  });

  it.each(services)("%s: mounts what is there", (_, service) => {
    for (const volume of service.volumes ?? []) {
      const [source, target] = volume.split(":");
      expect(target).toMatch(/^\//);
      if (source!.startsWith("./")) {
        expect(existsSync(join(ROOT, source!)), `${source} is not there`).toBe(true);
        expect(volume).toMatch(/:ro$/);
      } else expect(Object.keys(compose.volumes)).toContain(source);
    }
  });

  it.each(services)("%s: waits for services that are there", (_, service) => {
    for (const [name, { condition }] of Object.entries(service.depends_on ?? {})) {
      expect(Object.keys(compose.services)).toContain(name);
      expect(["service_healthy", "service_started"]).toContain(condition);
      if (condition === "service_healthy") expect(compose.services[name]!.healthcheck).toBeDefined();
    }
  });

  it("publishes each port once and uses each volume", () => {
    const ports = services.flatMap(([, { ports: published = [] }]) => published.map((port) => port.split(":")[1]));
    expect(new Set(ports).size).toBe(ports.length);
    const used = services.flatMap(([, { volumes = [] }]) => volumes.map((volume) => volume.split(":")[0]));
    for (const name of Object.keys(compose.volumes)) expect(used).toContain(name);
  });

  it("tells the engine where Kafka and the database are", () => {
    const { environment } = compose.services.engine!;
    const listeners = String(compose.services.kafka!.environment!.KAFKA_ADVERTISED_LISTENERS);
    expect(listeners).toContain(`INTERNAL://${environment!.KAFKA_BROKERS}`);
    const url = new URL(String(environment!.DATABASE_URL).replace(/\$\{[^}]*\}/, "secret"));
    const database = compose.services.timescaledb!.environment!;
    expect([url.hostname, url.username, url.pathname]).toEqual([
      "timescaledb",
      database.POSTGRES_USER,
      `/${database.POSTGRES_DB}`,
    ]);
  });
});

describe("provisioning", () => {
  it("data sources have the identities the dashboards ask for, and reach services that are there", () => {
    const { datasources } = parse(read("deploy/grafana/datasources/plimsoll.yml")) as {
      datasources: { uid: string; type: string; url: string; user?: string }[];
    };
    expect(datasources.map(({ uid, type }) => ({ uid, type }))).toEqual([POSTGRES, PROMETHEUS]);
    for (const { url } of datasources) {
      const host = /^(?:http:\/\/)?([a-z]+):\d+$/.exec(url)?.[1];
      expect(Object.keys(compose.services)).toContain(host);
    }
    expect(read("deploy/timescaledb/reader.sh")).toContain(`create role ${datasources[0]!.user} `);
  });

  it("dashboards lie where their provider looks", () => {
    const { providers } = parse(read("deploy/grafana/dashboards/plimsoll.yml")) as { providers: { options: { path: string } }[] };
    const { path } = providers[0]!.options;
    const mounted = compose.services.grafana!.volumes!.filter((volume) => volume.split(":")[1]!.startsWith(`${path}/`));
    expect(mounted).toHaveLength(2);
    expect(compose.services.grafana!.environment!.GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH).toBe(`${path}/overview.json`);
  });

  it("Prometheus scrapes the engine where it listens", () => {
    const { scrape_configs } = parse(read("deploy/prometheus/prometheus.yml")) as {
      scrape_configs: { static_configs: { targets: string[] }[] }[];
    };
    const [target] = scrape_configs[0]!.static_configs[0]!.targets;
    expect(target).toBe("engine:8080");
    expect(compose.services.engine!.ports).toContain("127.0.0.1:8080:8080");
  });
});

describe("Dockerfile", () => {
  const dockerfile = read("Dockerfile");

  it("builds in one stage and runs in another, as a user without rights", () => {
    const stages = [...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, image]) => image);
    expect(stages).toEqual(["node:20-bookworm", "node:20-bookworm-slim"]);
    expect(dockerfile.lastIndexOf("\nUSER node")).toBeGreaterThan(dockerfile.lastIndexOf("\nFROM"));
  });

  it("copies what is there and not ignored", () => {
    const ignored = read(".dockerignore")
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"));
    for (const [, sources] of dockerfile.matchAll(/^COPY (?!--)(.+) \S+$/gm)) {
      for (const source of sources!.split(" ")) {
        expect(existsSync(join(ROOT, source))).toBe(true);
        expect(ignored).not.toContain(source);
      }
    }
    for (const needed of ["src", "web", "schemas", "scripts", "migrations", "package.json", "tsconfig.json"]) {
      expect(existsSync(join(ROOT, needed))).toBe(true);
      expect(ignored).not.toContain(needed);
    }
  });
});
