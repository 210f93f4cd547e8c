// The same source, compiled by tsc for Node and by asc for WebAssembly, must give the same bits: what REST answers is what the shards
// act on. Workspaces filled from random portfolios are copied into WebAssembly memory, evaluated there and compared column by column.
// biome-ignore-all lint/suspicious/noExplicitAny: answers and kernels are looked into by name

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { prepareInstrument } from "../instruments/instrument";
import { evaluate } from "./evaluate";
import { portfolio } from "./lines.test-support";
import { readLine } from "./read-line";
import { Workspace } from "./workspace";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const ENTRY = "src/risk/portfolio/two-compilers.entry.ts";
/** Rows of each kind: a random portfolio has at most 3 assets, 11 instruments of 7 tiers and 8 positions. */
const CAPACITY = "4, 16, 128, 16, 4";

type Type = "f64" | "i32" | "Float64Array" | "Int32Array";
interface Field {
  name: string;
  type: Type;
}

// The fields as they stand in the source; a new one is compared without being named here.
function workspaceFields(): Field[] {
  const source = readFileSync(new URL("./workspace.ts", import.meta.url), "utf8");
  const found = source.matchAll(/^ {2}(?:readonly )?(\w+): (f64|i32|Float64Array|Int32Array)\b/gm);
  return Array.from(found, ([, name, type]) => ({ name: name!, type: type as Type })).filter(
    ({ name }) => !name.endsWith("Capacity"),
  );
}

function entrySource(fields: Field[]): string {
  const lines = [
    'import { Workspace } from "./workspace";',
    'import { evaluate } from "./evaluate";',
    'import { prepareInstrument } from "../instruments/instrument";',
    `const ws = new Workspace(${CAPACITY});`,
    "export function prepare(count: i32): void { for (let i = 0; i < count; i++) prepareInstrument(ws, i); }",
    "export function run(): void { evaluate(ws); }",
  ];
  for (const { name, type } of fields) {
    if (type === "f64" || type === "i32") {
      lines.push(`export function get_${name}(): ${type} { return ws.${name}; }`);
      lines.push(`export function set_${name}(value: ${type}): void { ws.${name} = value; }`);
    } else {
      lines.push(`export function at_${name}(): usize { return ws.${name}.dataStart; }`);
    }
  }
  return lines.join("\n");
}

async function compile(fields: Field[]): Promise<Record<string, CallableFunction> & { memory: { buffer: ArrayBuffer } }> {
  let binary: Uint8Array | undefined;
  // As the kernel is compiled.
  const flags = ["--runtime", "stub", "-O3", "--converge", "--noAssert", "--uncheckedBehavior", "always"];
  const { error, stderr } = await asc.main([ENTRY, ...flags, "--baseDir", ROOT, "--outFile", "out.wasm"], {
    readFile: (name: string) => {
      if (name === ENTRY) return entrySource(fields);
      try {
        return readFileSync(`${ROOT}${name}`, "utf8");
      } catch {
        return null;
      }
    },
    writeFile: (_name: string, contents: Uint8Array | string) => {
      if (typeof contents !== "string") binary = contents;
    },
    listFiles: () => [],
  });
  if (error !== null || binary === undefined) throw new Error(`asc: ${error?.message}\n${stderr.toString()}`);
  const { instance } = await (globalThis as any).WebAssembly.instantiate(binary, {
    env: {
      abort: () => {
        throw new Error("WebAssembly aborted");
      },
    },
  });
  return instance.exports;
}

describe("the risk core compiled to WebAssembly", async () => {
  const fields = workspaceFields();
  const kernel = await compile(fields);
  const columns = (ws: Workspace) => ws as unknown as Record<string, number & Float64Array>;

  const inKernel = ({ name, type }: Field, column: Float64Array | Int32Array): Float64Array | Int32Array => {
    const at = kernel[`at_${name}`]!();
    const { buffer } = kernel.memory;
    return type === "Float64Array" ? new Float64Array(buffer, at, column.length) : new Int32Array(buffer, at, column.length);
  };
  const copyIn = (ws: Workspace): void => {
    for (const field of fields) {
      const value = columns(ws)[field.name]!;
      if (field.type === "f64" || field.type === "i32") kernel[`set_${field.name}`]!(value);
      else inKernel(field, value).set(value);
    }
  };
  const differences = (ws: Workspace): string[] => {
    const found: string[] = [];
    for (const field of fields) {
      const here = columns(ws)[field.name]!;
      if (field.type === "f64" || field.type === "i32") {
        const there = kernel[`get_${field.name}`]!();
        if (!Object.is(here, there)) found.push(`${field.name}: ${here} here, ${there} there`);
        continue;
      }
      const there = inKernel(field, here);
      here.forEach((value, row) => {
        if (!Object.is(value, there[row])) found.push(`${field.name}[${row}]: ${value} here, ${there[row]} there`);
      });
    }
    return found;
  };

  it("knows every column", () => {
    const ws = new Workspace(4, 16, 128, 16, 4);
    const typed = Object.entries(ws).filter(([, value]) => ArrayBuffer.isView(value) || typeof value === "number");
    expect(fields.map(({ name }) => name).sort()).toEqual(
      typed
        .map(([name]) => name)
        .filter((name) => !name.endsWith("Capacity"))
        .sort(),
    );
  });

  it("gives the same bits as in Node for random accounts", () => {
    const ws = new Workspace(4, 16, 128, 16, 4);
    fc.assert(
      fc.property(portfolio(), (line) => {
        readLine(line, ws);
        copyIn(ws);
        for (let i = 0; i < line.instruments.length; i++) prepareInstrument(ws, i);
        kernel.prepare!(line.instruments.length);
        evaluate(ws);
        kernel.run!();
        expect(differences(ws)).toEqual([]);
      }),
      { numRuns: 2000 },
    );
  });
});
