/** A request as a form: the keys of a task, those that matter first. */

import { useId, useState } from "preact/hooks";
import { type Edited, INPUTS } from "./inputs";
import type { Field, Kind } from "./schema";
import type { Body, Json } from "./types";

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
  const fits = field.kind !== "lines" || value === undefined || value === null || typeof value === "string" || plain(value);
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
