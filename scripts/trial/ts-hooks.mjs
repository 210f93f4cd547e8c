// Lets node run the TypeScript of this project as it is: relative imports without extension, types taken away by esbuild.
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { transformSync } from "esbuild";

export function resolve(specifier, context, next) {
  if (specifier.startsWith(".") && !/\.(m?[jt]s|json)$/.test(specifier)) {
    for (const end of [".ts", "/index.ts"]) {
      const url = new URL(specifier + end, context.parentURL);
      if (existsSync(url)) return next(url.href, context);
    }
  }
  return next(specifier, context);
}

export function load(url, context, next) {
  if (!url.endsWith(".ts")) return next(url, context);
  const sourcefile = fileURLToPath(url);
  const { code } = transformSync(readFileSync(sourcefile, "utf8"), {
    loader: "ts",
    format: "esm",
    target: "node20",
    sourcefile,
    sourcemap: "inline",
  });
  return { format: "module", source: code, shortCircuit: true };
}
