/** Keys of a task, from the archive's OpenAPI document. */

import type { Body, Json } from "./types";

export type Kind = "lines" | "text" | "number" | "boolean" | "choice" | "several" | "json";

export interface Field {
  name: string;
  about: string;
  kind: Kind;
  required: boolean;
  initial: Json | undefined;
  choices: string[];
  /** Whether one choice is no list. */
  single: boolean;
  minimum?: number;
  maximum?: number;
}

interface Schema {
  type?: string;
  $ref?: string;
  enum?: (string | null)[];
  anyOf?: Schema[];
  items?: Schema;
  minimum?: number;
  maximum?: number;
  default?: Json;
  description?: string;
  properties?: Record<string, Schema>;
  required?: string[];
}

export function fields(document: any, task: string): Field[] {
  const found: Schema | undefined =
    document.paths[`/${task}`]?.post?.requestBody?.content["application/json"].schema;
  const resolved = (each: Schema): Schema =>
    each.$ref ? document.components.schemas[each.$ref.split("/").pop()!] : each;
  const schema = resolved(found ?? {});
  const required = schema.required ?? [];
  return Object.entries(schema.properties ?? {}).map(([name, each]) => {
    const options = (each.anyOf ?? [each]).filter((one) => one.type !== "null").map(resolved);
    return field(name, each, options, required.includes(name));
  });
}

function field(name: string, schema: Schema, options: Schema[], required: boolean): Field {
  const first = options[0] ?? {};
  return {
    name,
    about: schema.description ?? "",
    kind: kind(options),
    required,
    initial: schema.default,
    choices: [...new Set(options.flatMap(choices))],
    single: options.some((each) => each.enum),
    minimum: first.minimum,
    maximum: first.maximum,
  };
}

/** What takes a value of these schemas; a list of texts is one text a line. */
function kind(options: Schema[]): Kind {
  if (options.some(ofTexts)) return "lines";
  if (options.length > 0 && options.every((each) => choices(each).length > 0)) {
    return options.some((each) => each.type === "array") ? "several" : "choice";
  }
  if (options.length !== 1) return "json";
  const [only] = options as [Schema];
  return KINDS[only.type ?? ""] ?? "json";
}

const KINDS: Record<string, Kind> = { string: "text", integer: "number", number: "number", boolean: "boolean" };

/** Of a value, or of each in a list. */
function choices(schema: Schema): string[] {
  return (schema.enum ?? schema.items?.enum ?? []).filter((each) => each !== null);
}

function ofTexts(schema: Schema): boolean {
  const items = schema.items && (schema.items.anyOf ?? [schema.items]);
  return schema.type === "array" && !!items?.some((each) => each.type === "string");
}

/** What was typed, without lines that are empty. */
export function typed(body: Body, known: Field[]): Body {
  const lines = new Set(known.filter((each) => each.kind === "lines").map((each) => each.name));
  const entries = Object.entries(body).map(([name, value]): [string, Json] => [
    name,
    lines.has(name) && Array.isArray(value) ? value.filter((each) => each !== "") : value,
  ]);
  return Object.fromEntries(entries);
}

/** What is sent: without keys that are empty. */
export function sent(body: Body): Body {
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null && value !== ""));
}
