/** What a value is typed into, by its kind. */

import { useState } from "preact/hooks";
import type { Field, Kind } from "./schema";
import type { Json } from "./types";

const SHORT = 100;

export interface Edited {
  field: Field;
  id: string;
  value: Json | undefined;
  set: (value: Json) => void;
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

/** Any number of the choices, in the order in which they were made; one is sent without a list where that is allowed. */
function Several({ field, id, value, set }: Edited) {
  const chosen = (Array.isArray(value) ? value : value ? [value] : []).map(String);
  const change = (each: string, on: boolean) => {
    const now = on ? [...chosen, each] : chosen.filter((other) => other !== each);
    set(now.length > 1 || (now.length && !field.single) ? now : (now[0] ?? null));
  };
  return (
    <div id={id} class="row" role="group" aria-label={field.name} aria-describedby={`${id}-about`}>
      {field.choices.map((each) => (
        <label key={each} class="inline">
          <input type="checkbox" checked={chosen.includes(each)} onChange={(event) => change(each, event.currentTarget.checked)} />
          {each}
        </label>
      ))}
    </div>
  );
}

export const INPUTS: Record<Kind, (given: Edited) => preact.JSX.Element> = {
  lines: Lines,
  text: Text,
  json: Raw,
  number: Quantity,
  boolean: Choice,
  choice: Choice,
  several: Several,
};
