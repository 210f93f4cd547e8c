// The absences that hold the design together, as far as imports can show them. A line a rule.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { expect, it } from "vitest";

const ROOT = join(import.meta.dirname, "..");

function sources(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true })
    .map((name) => join(folder, String(name)))
    .filter(
      (file) =>
        /\.(ts|tsx)$/.test(file) &&
        !/\.(test|bench|test-support)\.ts$/.test(file) &&
        !file.includes("/testing/") &&
        statSync(join(ROOT, file)).isFile(),
    );
}

/** What a file imports: paths from the root for relative imports, names for packages. Types are no dependency. */
function importsOf(file: string): string[] {
  const text = readFileSync(join(ROOT, file), "utf8");
  const found = [
    ...text.matchAll(/(?:^|\n)\s*(?:import|export)\s+(?!type\b)(?:[^"';]*?from\s+)?"([^"]+)"/g),
    ...text.matchAll(/\bimport\("([^"]+)"\)/g),
  ];
  return found.map(([, target]) => (target.startsWith(".") ? normalize(join(dirname(file), target)) : target));
}

/** who, may not import, except. */
const RULES: readonly [what: string, who: string, forbidden: RegExp, except?: RegExp][] = [
  ["src/risk/ imports nothing but itself", "src/risk", /^(?!src\/risk\/)/],
  ["src/shared/ imports nothing but itself and the generated code", "src/shared", /^src\/(?!shared\/)/],
  ["src/ingest/ does not know shards, api, store or cli", "src/ingest", /^src\/(shards|api|store|cli|engine)\//],
  ["src/shards/ does not know ingest, api or store", "src/shards", /^src\/(ingest|api|cli|engine)\//],
  ["src/api/ does not know ingest, shards or Kafka", "src/api", /^(src\/(ingest|shards|cli|engine)\/|node-rdkafka|kafkajs)/],
  [
    "src/store/ does not know ingest, shards, api or Kafka",
    "src/store",
    /^(src\/(ingest|shards|api|cli|engine)\/|node-rdkafka|kafkajs)/,
  ],
  [
    "src/sim/ knows no Kafka, no database and no engine",
    "src/sim",
    /^(src\/(shards|api|store|cli|engine)\/|src\/ingest\/(?!book\/)|node-rdkafka|kafkajs|postgres)/,
  ],
  ["only src/store/ and the commands about it know SQL's client", "src", /^postgres$/, /^src\/store\//],
  [
    "only src/ingest/kafka/ knows Kafka's clients",
    "src",
    /^(node-rdkafka|kafkajs)$/,
    /^src\/ingest\/kafka\/|^src\/cli\/dead-letter/,
  ],
];

it.each(RULES)("%s", (_, who, forbidden, except) => {
  const broken: string[] = [];
  for (const file of sources(who)) {
    if (except?.test(file)) continue;
    for (const target of importsOf(file)) if (forbidden.test(target)) broken.push(`${relative(".", file)} imports ${target}`);
  }
  expect(broken).toEqual([]);
});

it("src/risk/ reads no clock, no randomness and no environment", () => {
  const broken = sources("src/risk").filter((file) =>
    /\b(Date\.now|new Date\(|performance\.|Math\.random|process\.)/.test(readFileSync(join(ROOT, file), "utf8")),
  );
  expect(broken).toEqual([]);
});

it("the rules can fail", () => {
  expect(/^(?!src\/risk\/)/.test("node:fs")).toBe(true);
  expect(importsOf("src/engine/engine.ts")).toContain("src/shared/clock");
});
