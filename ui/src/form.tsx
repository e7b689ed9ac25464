/** A request as a form: the keys of a task, those that matter first. */

import { useId, useState } from "preact/hooks";
import type { Field, Kind } from "./schema";
import type { Body, Json } from "./types";

const SHORT = 100;

interface Edited {
  field: Field;
  id: string;
  value: Json | undefined;
  set: (value: Json) => void;
}

export function Form(given: { fields: Field[]; keys?: string[]; body: Body; edit: (body: Body) => void; send: () => void }) {
  const { fields, body, edit } = given;
  const first = (each: Field) => (given.keys ? given.keys.includes(each.name) : each.required);
  const shown = (each: Field) => (
    <Entry key={each.name} field={each} value={body[each.name]} set={(value) => edit({ ...body, [each.name]: value })} />
  );
  const others = fields.filter((each) => !first(each));
  const submit = (event: Event) => {
    event.preventDefault();
    given.send();
  };
  const shortcut = (event: KeyboardEvent) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) submit(event);
  };
  return (
    <form onSubmit={submit} onKeyDown={shortcut}>
      {fields.filter(first).map(shown)}
      {others.length > 0 && (
        <details open={others.some((each) => each.name in body)}>
          <summary>More keys ({others.length})</summary>
          {others.map(shown)}
        </details>
      )}
      <button class="main" type="submit">
        Ask <kbd>Ctrl Enter</kbd>
      </button>
    </form>
  );
}

function Entry({ field, value, set }: Omit<Edited, "id">) {
  const id = useId();
  const fits = field.kind !== "lines" || value === undefined || typeof value === "string" || plain(value);
  const [raw, setRaw] = useState(false);
  const kind: Kind = fits && !raw ? field.kind : "json";
  const Input = INPUTS[kind];
  return (
    <div class="field">
      <label for={id}>{field.name}</label>
      {field.kind === "lines" && fits && (
        <button type="button" class="quiet" aria-pressed={raw} onClick={() => setRaw(!raw)}>
          as JSON
        </button>
      )}
      <Input field={field} id={id} value={value} set={set} />
      <small id={`${id}-about`}>
        {field.about}
        {kind === "lines" && "; one a line"}
      </small>
    </div>
  );
}

function plain(value: Json): boolean {
  return Array.isArray(value) && value.every((each) => typeof each === "string");
}

function Area({ id, text, change, invalid }: { id: string; text: string; change: (text: string) => void; invalid?: boolean }) {
  const rows = Math.min(14, Math.max(2, text.split("\n").length));
  return (
    <textarea
      id={id}
      dir="auto"
      rows={rows}
      value={text}
      aria-describedby={`${id}-about`}
      aria-invalid={invalid}
      onInput={(event) => change(event.currentTarget.value)}
    />
  );
}

function Lines({ id, value, set }: Edited) {
  const text = Array.isArray(value) ? value.join("\n") : String(value ?? "");
  return <Area id={id} text={text} change={(text) => set(text ? text.split("\n") : null)} />;
}

function Text({ id, value, set }: Edited) {
  return <Area id={id} text={String(value ?? "")} change={set} />;
}

function Raw({ id, value, set }: Edited) {
  const [draft, setDraft] = useState<string | null>(null);
  const change = (text: string) => {
    try {
      set(text.trim() ? JSON.parse(text) : null);
      setDraft(null);
    } catch {
      setDraft(text);
    }
  };
  const text = draft ?? (value === undefined || value === null ? "" : written(value));
  return (
    <>
      <Area id={id} text={text} change={change} invalid={draft !== null} />
      {draft !== null && <small class="wrong">not JSON yet; the last value that was is kept</small>}
    </>
  );
}

/** In one line while that is short. */
function written(value: Json): string {
  const line = JSON.stringify(value);
  return line.length > SHORT ? JSON.stringify(value, null, 1) : line;
}

function Quantity({ field, id, value, set }: Edited) {
  return (
    <input
      id={id}
      type="number"
      step="any"
      min={field.minimum}
      max={field.maximum}
      placeholder={String(field.initial ?? "")}
      value={value === undefined || value === null ? "" : Number(value)}
      aria-describedby={`${id}-about`}
      onInput={(event) => set(event.currentTarget.value === "" ? null : event.currentTarget.valueAsNumber)}
    />
  );
}

function Choice({ field, id, value, set }: Edited) {
  const of = field.kind === "boolean" ? ["true", "false"] : field.choices;
  const read = (text: string) => (text === "" ? null : field.kind === "boolean" ? text === "true" : text);
  return (
    <select
      id={id}
      value={value === undefined || value === null ? "" : String(value)}
      aria-describedby={`${id}-about`}
      onChange={(event) => set(read(event.currentTarget.value))}
    >
      <option value="">default{field.initial === undefined || field.initial === null ? "" : `: ${field.initial}`}</option>
      {of.map((each) => (
        <option key={each} value={each}>
          {each}
        </option>
      ))}
    </select>
  );
}

const INPUTS: Record<Kind, (given: Edited) => preact.JSX.Element> = {
  lines: Lines,
  text: Text,
  json: Raw,
  number: Quantity,
  boolean: Choice,
  choice: Choice,
};
