/** An answer: its drawing or the server's error, the time it took, and the request as code. */

import { SameRequest } from "./parts/same_request";
import { Timing } from "./parts/timing";
import { ask, BASE, hasKey, words } from "./server";
import { view } from "./tasks";
import type { Body, Info, Reply } from "./types";

export interface Answered {
  /** None of a task that only looks at an address. */
  body: Body | null;
  reply: Reply;
}

type Given = Answered & { info: Info; task: string; send: (body: Body) => void };

const LONGEST = 20_000;

export function Answer({ body, reply, info, task, send }: Given) {
  const Draw = view(task).draw;
  const { origin } = location;
  return (
    <>
      {reply.status === 200 ? (
        <Draw body={body ?? {}} answer={reply.value} info={info} ask={ask} send={send} />
      ) : (
        <p role="alert" class="error">
          <b>{reply.status || "failed"}</b> {words(reply)}
        </p>
      )}
      <Timing reply={reply} limit={info.limits.max_length} />
      <SameRequest origin={origin} base={BASE} info={info} task={task} body={body} locked={hasKey()} />
      <details>
        <summary>The answer as JSON</summary>
        <pre tabIndex={0} aria-label="the answer as JSON">
          {shortened(JSON.stringify(reply.value))}
        </pre>
      </details>
    </>
  );
}

function shortened(text: string): string {
  return text.length > LONGEST ? `${text.slice(0, LONGEST)} … ${text.length} characters in all` : text;
}
