// Checks a JSON value against a schema of /openapi.json, strictly: a field that the schema does not name is an error, and
// so is a number that is not finite. Knows the part of JSON Schema that the document uses, and says so when it meets more.

// biome-ignore lint/suspicious/noExplicitAny: schemas and values of any shape come here
type Any = any;

const KNOWN = new Set([
  ...["$ref", "$id", "type", "properties", "required", "items", "anyOf", "enum", "pattern", "additionalProperties"],
  ...["description", "title", "default", "minimum", "maximum", "minLength", "maxLength"],
]);

/** @returns what is wrong, as paths and sentences; empty: it conforms */
export function conforms(document: Any, schema: Any, value: Any, path = "$"): string[] {
  for (const keyword of Object.keys(schema)) if (!KNOWN.has(keyword)) return [`${path}: the check does not know ${keyword}`];
  if (schema.$ref !== undefined) {
    const name = /^#\/components\/schemas\/(\w+)$/.exec(schema.$ref)?.[1];
    const target = name === undefined ? undefined : document.components.schemas[name];
    return target === undefined ? [`${path}: ${schema.$ref} leads nowhere`] : conforms(document, target, value, path);
  }
  if (schema.anyOf !== undefined) {
    const attempts = schema.anyOf.map((option: Any) => conforms(document, option, value, path));
    return attempts.some((errors: string[]) => errors.length === 0) ? [] : attempts.flat();
  }
  if (schema.enum !== undefined && !schema.enum.includes(value)) return [`${path}: ${JSON.stringify(value)} is not in the list`];
  switch (schema.type) {
    case "null":
      return value === null ? [] : [`${path}: not null`];
    case "boolean":
      return typeof value === "boolean" ? [] : [`${path}: not a boolean`];
    case "integer":
      return Number.isSafeInteger(value) ? [] : [`${path}: ${value} is not an integer`];
    case "number":
      return Number.isFinite(value) ? [] : [`${path}: ${value} is not a finite number`];
    case "string":
      if (typeof value !== "string") return [`${path}: not a string`];
      return schema.pattern === undefined || new RegExp(schema.pattern).test(value)
        ? []
        : [`${path}: ${value} is not ${schema.pattern}`];
    case "array":
      if (!Array.isArray(value)) return [`${path}: not an array`];
      return value.flatMap((item, at) => conforms(document, schema.items, item, `${path}[${at}]`));
    case "object": {
      if (typeof value !== "object" || value === null || Array.isArray(value)) return [`${path}: not an object`];
      const errors: string[] = [];
      for (const name of schema.required ?? []) if (!(name in value)) errors.push(`${path}.${name}: missing`);
      for (const [name, part] of Object.entries(value)) {
        const known = schema.properties?.[name];
        if (known !== undefined) errors.push(...conforms(document, known, part, `${path}.${name}`));
        else if (schema.additionalProperties !== true) errors.push(`${path}.${name}: not in the schema`);
      }
      return errors;
    }
    default:
      return [`${path}: the schema says nothing`];
  }
}
