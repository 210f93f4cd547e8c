// /docs: a page that reads /openapi.json and shows it. Three small files, served from here, so that it works without a
// network and under the same policy as everything else.

export const DOCS_HTML = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Plimsoll API</title>
<link rel="stylesheet" href="/docs/page.css">
<script src="/docs/page.js" defer></script>
</head>
<body>
<header><h1>Plimsoll API</h1><p id="about">…</p></header>
<nav id="contents" aria-label="Contents"></nav>
<main id="main"><noscript>This page needs JavaScript; <a href="/openapi.json">openapi.json</a> does not.</noscript></main>
</body>
</html>
`;

export const DOCS_CSS = `:root { color-scheme: light dark; --line: #8884; --soft: #8881; --accent: #0b7285; }
@media (prefers-color-scheme: dark) { :root { --accent: #66d9e8; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 64rem; padding: 1rem 1.25rem 6rem; font: 16px/1.5 system-ui, sans-serif; }
h1 { margin: 0; font-size: 1.6rem; }
h2 { margin: 2.5rem 0 .5rem; font-size: 1.2rem; text-transform: capitalize; border-bottom: 1px solid var(--line); }
code, pre { font: .88em/1.45 ui-monospace, monospace; }
pre { overflow-x: auto; padding: .75rem; background: var(--soft); border-radius: 6px; }
table { border-collapse: collapse; width: 100%; display: block; overflow-x: auto; }
th, td { text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
nav a { margin-right: 1rem; }
a { color: var(--accent); }
details { border: 1px solid var(--line); border-radius: 6px; margin: .5rem 0; }
summary { cursor: pointer; padding: .5rem .75rem; }
summary:focus-visible, a:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
summary span { color: #888; margin-left: .75rem; }
details > div { padding: 0 .75rem .75rem; }
.needs { font-size: .85em; color: #888; }
`;

export const DOCS_JS = `"use strict";
const make = (name, text, ...children) => {
  const element = document.createElement(name);
  if (text) element.textContent = text;
  element.append(...children);
  return element;
};
const row = (cells, tag = "td") => make("tr", "", ...cells.map((cell) => (cell instanceof Node ? make(tag, "", cell) : make(tag, cell))));
const table = (head, rows) => make("table", "", make("thead", "", row(head, "th")), make("tbody", "", ...rows.map((cells) => row(cells))));

const describe = (schema) => {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.anyOf) return schema.anyOf.map(describe).join(" or ");
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (schema.type === "array") return describe(schema.items) + "[]";
  return String(schema.type || "any");
};
const fields = (schema) => {
  const required = new Set(schema.required || []);
  return table(["field", "type", ""], Object.entries(schema.properties || {}).map(([name, part]) => {
    const type = part.type === "object" && part.properties ? fields(part) : describe(part);
    return [make("code", required.has(name) ? name : name + "?"), type, part.description || ""];
  }));
};

const operation = (path, method, spec) => {
  const body = make("div");
  if (spec["x-needs"]) body.append(make("p", "needs: " + spec["x-needs"]));
  const parameters = spec.parameters || [];
  if (parameters.length > 0) {
    body.append(table(["parameter", "in", "type", ""], parameters.map((parameter) => [
      make("code", parameter.required ? parameter.name : parameter.name + "?"), parameter.in, describe(parameter.schema),
      parameter.description || (parameter.schema.default === undefined ? "" : "default " + parameter.schema.default),
    ])));
  }
  const content = ((spec.responses || {})["200"] || {}).content || {};
  const media = Object.keys(content)[0];
  const schema = media && content[media].schema;
  if (schema) body.append(make("p", "answer (" + media + "):"), schema.properties ? fields(schema) : make("code", describe(schema)));
  const head = make("summary", "", make("code", method.toUpperCase() + " " + path), make("span", spec.summary || ""));
  const details = make("details", "", head, body);
  details.id = spec.operationId || method + path;
  return details;
};

const show = (api) => {
  document.title = api.info.title + " " + api.info.version;
  document.getElementById("about").textContent = "Version " + api.info.version + ". " + (api.info.description || "");
  const main = document.getElementById("main");
  const contents = document.getElementById("contents");
  const section = (title) => {
    const heading = make("h2", title);
    heading.id = "section-" + title;
    const link = make("a", title);
    link.href = "#section-" + title;
    contents.append(link);
    main.append(heading);
  };
  const byTag = new Map();
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const [method, spec] of Object.entries(methods)) {
      const tag = (spec.tags || ["other"])[0];
      byTag.set(tag, [...(byTag.get(tag) || []), operation(path, method, spec)]);
    }
  }
  for (const [tag, operations] of byTag) {
    section(tag);
    main.append(...operations);
  }
  section("schemas");
  for (const [name, schema] of Object.entries((api.components || {}).schemas || {})) {
    const details = make("details", "", make("summary", "", make("code", name), make("span", schema.description || "")), make("div", "", fields(schema)));
    details.id = "schema-" + name;
    main.append(details);
  }
  section("errors");
  main.append(table(["code", "HTTP", "JSON-RPC", "means", "what to do"], Object.entries(api["x-errors"] || {}).map(([code, error]) => {
    const name = make("code", code);
    name.id = code;
    return [name, error.status === null ? "" : String(error.status), error.rpc === null ? "" : String(error.rpc), error.title, error.remedy];
  })));
  if (location.hash) document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
};

fetch("/openapi.json").then((response) => response.json()).then(show, (error) => {
  document.getElementById("about").textContent = "openapi.json could not be read: " + error.message;
});
`;
