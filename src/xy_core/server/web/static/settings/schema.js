// Reads a JSON schema as pydantic writes it, as far as a form needs it.

/** @typedef {{key: string, section: string, name: string, kind: "switch" | "choice" | "number" | "text" | "list" | "secret" | "fixed",
 *   description: string, value: any, standard: any, options: string[], nullable: boolean, whole: boolean,
 *   min?: number, max?: number}} FieldSpec */

/** All fields of a schema, depth first.
 * @param {any} schema
 * @param {any} values
 * @returns {FieldSpec[]} */
export function fieldsOf(schema, values) {
  /** @type {FieldSpec[]} */
  const found = [];
  /** @param {any} part
   * @param {any} given
   * @param {string[]} path
   * @param {any} standard */
  const walk = (part, given, path, standard) => {
    for (const [name, raw] of Object.entries(part.properties ?? {})) {
      const node = resolved(raw, schema);
      const inner = standard?.[name] ?? raw.default ?? node.default;
      if (node.properties) walk(node, given?.[name], [...path, name], inner);
      else found.push(fieldOf(node, [...path, name], given?.[name] ?? null, inner ?? null));
    }
  };
  walk(schema, values, [], undefined);
  return found;
}

/** @param {FieldSpec[]} fields */
export const sectionsOf = (fields) => [...new Set(fields.map((one) => one.section))];

/** @param {any} node
 * @param {any} schema
 * @returns {any} */
function resolved(node, schema) {
  if (!node.$ref) return node;
  const target = schema.$defs[node.$ref.split("/").pop()];
  return { ...target, ...node, description: node.description ?? "" };
}

/** @param {any} node
 * @param {string[]} path
 * @param {any} value
 * @param {any} standard
 * @returns {FieldSpec} */
function fieldOf(node, path, value, standard) {
  const options = node.anyOf ?? [node];
  const nullable = options.some((/** @type {any} */ one) => one.type === "null");
  const real = options.filter((/** @type {any} */ one) => one.type !== "null");
  const first = real[0] ?? node;
  return {
    key: path.join("."),
    section: path.length > 1 ? path[0] : "",
    name: path.slice(path.length > 1 ? 1 : 0).join(" › ").replaceAll("_", " "),
    kind: kindOf(first, real),
    description: node.description ?? "",
    value,
    standard,
    options: first.enum ?? [],
    nullable,
    whole: first.type === "integer",
    min: first.minimum ?? first.exclusiveMinimum,
    max: first.maximum ?? first.exclusiveMaximum,
  };
}

/** @param {any} first
 * @param {any[]} all
 * @returns {FieldSpec["kind"]} */
function kindOf(first, all) {
  if (first.format === "password") return "secret";
  if (first.enum) return "choice";
  if (first.type === "boolean") return "switch";
  if (all.length > 1) return all.some((one) => one.type === "string") ? "text" : "fixed";
  if (first.type === "integer" || first.type === "number") return "number";
  if (first.type === "string") return "text";
  if (first.type === "array" && first.items?.type === "string" && !first.items.enum) return "list";
  return "fixed";
}
