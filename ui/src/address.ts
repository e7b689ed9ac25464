/** The address bar's part after `#`, so that a link shows the same: the task, choices in its drawing, and its body.
 *
 * No server ever sees it. `#embedding;map:PCA;groups:4={"inputs": ["a", "b"]}`, with what stands behind `:` and `=` percent-encoded.
 */

import type { Body, Json } from "./types";

export interface Asked {
  task: string;
  body: Body | null;
  /** Choices in the drawing, by their names. */
  look: Record<string, string>;
}

export function read(hash: string): Asked {
  const [head = "", text] = hash.slice(1).split(/=(.*)/s);
  const [task = "", ...choices] = head.split(";");
  try {
    const look = Object.fromEntries(choices.map((each) => each.split(/:(.*)/s).slice(0, 2).map(decodeURIComponent)));
    return { task, look, body: text ? normal(JSON.parse(decodeURIComponent(text))) : null };
  } catch {
    return { task, look: {}, body: null };
  }
}

/** As the server reads it: a body that is no object is its inputs, which have a second name. */
function normal(body: Json): Body {
  if (body === null || typeof body !== "object" || Array.isArray(body)) return { inputs: body };
  const { text, ...others } = body;
  return text === undefined || "inputs" in body ? body : { inputs: text, ...others };
}

export function written({ task, body, look }: Asked): string {
  const choices = Object.entries(look).map(([name, value]) => `;${name}:${encodeURIComponent(value)}`);
  return `#${task}${choices.join("")}` + (body ? `=${encodeURIComponent(JSON.stringify(body))}` : "");
}
