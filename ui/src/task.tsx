/** One task: examples, a form, and the answer to what was asked last. */

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { read, written } from "./address";
import { Answer, type Answered } from "./answer";
import { Form } from "./form";
import { fields, sent, typed } from "./schema";
import { ask, words } from "./server";
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
  const [linked, setLinked] = useState(true);
  const running = useRef(new AbortController());

  const send = async (wanted: Body) => {
    const body = bodiless ? null : sent(wanted);
    running.current.abort();
    const { signal } = (running.current = new AbortController());
    edit(wanted);
    setBusy(true);
    const reply = await ask(task, body ?? undefined, signal);
    if (signal.aborted) return; // something else was asked since, or another task is open
    setBusy(false);
    if (reply.status === 401) return locked(body ?? {}, words(reply));
    setAnswered({ body, reply });
    setLinked(remembered(written({ ...read(location.hash), task, body })));
  };
  useEffect(() => {
    if (given || bodiless) send(body);
    return () => running.current.abort();
  }, []);

  return (
    <main aria-busy={busy} class={bodiless ? "alone" : ""}>
      {!bodiless && (
        <section aria-label="request">
          <Examples of={examples} choose={(example) => send(masked(example, info.mask))} />
          <Form fields={known} keys={keys} body={body} edit={edit} send={() => send(typed(body, known))} />
        </section>
      )}
      <section aria-label="answer">
        <p role="status" class="hint">
          {busy ? "asking …" : answered ? said(answered, linked) : "The answer is drawn here."}
        </p>
        {answered && <Answer key={answered.reply} {...answered} info={info} task={task} send={send} />}
      </section>
    </main>
  );
}

/** Puts what was asked into the address bar; false where that is too long for the browser. */
function remembered(address: string): boolean {
  try {
    if (address !== location.hash) history.pushState(null, "", address);
    return true;
  } catch {
    return false;
  }
}

/** What a screen reader says of an answer. */
function said({ reply }: Answered, linked: boolean): string {
  const outcome = reply.status === 200 ? "Answered." : "Refused.";
  return linked ? outcome : `${outcome} The request is too long for the address bar: it has no link.`;
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
