/** One task: examples, a form, and the answer to what was asked last. */

import { useEffect, useMemo, useState } from "preact/hooks";
import { read, written } from "./address";
import { Answer, type Answered } from "./answer";
import { Form } from "./form";
import { fields, sent } from "./schema";
import { ask } from "./server";
import { view } from "./tasks";
import type { Body, Info } from "./types";

interface Given {
  info: Info;
  document: any;
  task: string;
  body: Body | null;
  /** Called when the server wants a key for what was asked. */
  locked: (body: Body, said: string) => void;
}

export function Task({ info, document, task, body: given, locked }: Given) {
  const { examples, keys } = view(task);
  const known = useMemo(() => fields(document, task), [document, task]);
  const bodiless = known.length === 0;
  const [body, edit] = useState<Body>(given ?? masked(Object.values(examples)[0] ?? {}, info.mask));
  const [answered, setAnswered] = useState<Answered | null>(null);
  const [busy, setBusy] = useState(false);

  const send = async (wanted: Body) => {
    const body = sent(wanted, known);
    edit(wanted);
    setBusy(true);
    const reply = await ask(task, bodiless ? undefined : body);
    setBusy(false);
    if (reply.status === 401) return locked(body, reply.value.error);
    const address = written({ ...read(location.hash), task, body: bodiless ? null : body });
    if (address !== location.hash) history.pushState(null, "", address);
    setAnswered({ body, reply });
  };
  useEffect(() => {
    if (given || bodiless) send(body);
  }, []);

  return (
    <main aria-busy={busy} class={bodiless ? "alone" : ""}>
      {!bodiless && (
        <section aria-label="request">
          <Examples of={examples} choose={(example) => send(masked(example, info.mask))} />
          <Form fields={known} keys={keys} body={body} edit={edit} send={() => send(body)} />
        </section>
      )}
      <section aria-label="answer">
        <p role="status" class="hint">
          {busy ? "asking …" : answered ? "" : "The answer is drawn here."}
        </p>
        {answered && <Answer key={answered.reply} {...answered} info={info} task={task} send={send} />}
      </section>
    </main>
  );
}

function Examples({ of, choose }: { of: Record<string, Body>; choose: (body: Body) => void }) {
  if (Object.keys(of).length === 0) return null;
  return (
    <div class="row" role="group" aria-label="examples">
      {Object.entries(of).map(([name, body]) => (
        <button key={name} type="button" class="quiet" onClick={() => choose(body)}>
          {name}
        </button>
      ))}
    </div>
  );
}

/** Examples are written with BERT's mask; other vocabularies have their own. */
function masked(body: Body, mask: string | null): Body {
  return JSON.parse(JSON.stringify(body).replaceAll("[MASK]", mask ?? "[MASK]"));
}
