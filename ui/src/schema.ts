/** Keys of a task, from the archive's OpenAPI document. */

import type { Body, Json } from "./types";

export type Kind = "lines" | "text" | "number" | "boolean" | "choice" | "json";

export interface Field {
  name: string;
  about: string;
  kind: Kind;
  required: boolean;
  initial: Json | undefined;
  choices: string[];
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
  const schema: Schema = found?.$ref ? document.components.schemas[found.$ref.split("/").pop()!] : (found ?? {});
  const required = schema.required ?? [];
  return Object.entries(schema.properties ?? {}).map(([name, each]) => field(name, each, required.includes(name)));
}

function field(name: string, schema: Schema, required: boolean): Field {
  const options = (schema.anyOf ?? [schema]).filter((each) => each.type !== "null");
  const first = options[0] ?? {};
  return {
    name,
    about: schema.description ?? "",
    kind: kind(options),
    required,
    initial: schema.default,
    choices: options.flatMap((each) => each.enum ?? []).filter((each) => each !== null),
    minimum: first.minimum,
    maximum: first.maximum,
  };
}

/** What takes a value of these schemas; a list of texts is one text a line. */
function kind(options: Schema[]): Kind {
  if (options.some(ofTexts)) return "lines";
  if (options.length !== 1) return "json";
  const [only] = options as [Schema];
  if (only.enum) return "choice";
  return KINDS[only.type ?? ""] ?? "json";
}

const KINDS: Record<string, Kind> = { string: "text", integer: "number", number: "number", boolean: "boolean" };

function ofTexts(schema: Schema): boolean {
  const items = schema.items && (schema.items.anyOf ?? [schema.items]);
  return schema.type === "array" && !!items?.some((each) => each.type === "string");
}

/** What is sent: without keys that are empty, and without lines that are. */
export function sent(body: Body, known: Field[]): Body {
  const lines = new Set(known.filter((each) => each.kind === "lines").map((each) => each.name));
  const entries = Object.entries(body).map(([name, value]): [string, Json] => [
    name,
    lines.has(name) && Array.isArray(value) ? value.filter((each) => each !== "") : value,
  ]);
  return Object.fromEntries(entries.filter(([, value]) => value !== null && value !== ""));
}
