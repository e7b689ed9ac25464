/** A text that is looked for among others by its meaning. */

import { useEffect, useState } from "preact/hooks";
import { useLook } from "../look";
import { unit, type Vector } from "../maths/vectors";
import type { Ask, Body, Reply } from "../types";
import { Refused } from "./refused";

interface Given {
  /** The request whose answer is searched; this one is asked with the same keys. */
  body: Body;
  ask: Ask;
  found: (vector: Vector | null) => void;
}

export function Search({ body, ask, found }: Given) {
  const [asked, keep] = useLook("search");
  const [text, setText] = useState(asked);
  const [refused, refuse] = useState<Reply | null>(null);
  const search = async () => {
    keep(text.trim());
    refuse(null);
    if (!text.trim()) return found(null);
    const reply = await ask("embedding", { ...body, inputs: [text], encoding_format: "float" });
    if (reply.status !== 200) refuse(reply);
    found(reply.status === 200 ? unit(reply.value[0]) : null);
  };
  const submit = (event: Event) => {
    event.preventDefault();
    search();
  };
  useEffect(() => {
    if (asked) search();
  }, []);
  return (
    <form class="row" role="search" onSubmit={submit}>
      <label class="inline grow">
        search by meaning <input type="search" dir="auto" value={text} onInput={(event) => setText(event.currentTarget.value)} />
      </label>
      <button type="submit" class="quiet">
        Search
      </button>
      {refused && <Refused what="Search" reply={refused} />}
    </form>
  );
}
