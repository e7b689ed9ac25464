/** What the model sees of a text: its pieces with their ids, and where it stops reading. */

import { direction, listed } from "../texts";
import type { Drawn, View } from "../types";

interface Token {
  id: number;
  text: string;
  special: boolean;
  start: number | null;
}

const COLOURS = 8;

function Tokenize({ body, answer, info }: Drawn) {
  const limit = info.limits.max_length;
  return (
    <>
      {(answer as Token[][]).map((tokens, number) => (
        <section key={number} aria-label={`text ${number + 1}`}>
          <h2 dir="auto">{String(listed(body.inputs)[number])}</h2>
          <ol class="tokens" dir={direction(tokens.map((each) => (each.special ? "" : each.text)))}>
            {tokens.map((token, index) => (
              <li key={index} class={look(token, index, limit)} title={`${index + 1} of ${tokens.length}`}>
                <bdi>{token.text || "∅"}</bdi>
                <small>{token.id}</small>
              </li>
            ))}
          </ol>
          <p class="hint">
            {tokens.length} tokens of {[...String(listed(body.inputs)[number])].length} characters
            {tokens.length > limit && `; the model reads ${limit}, and the crossed-out ones only if "truncation" says so`}
          </p>
        </section>
      ))}
    </>
  );
}

function look(token: Token, index: number, limit: number): string {
  const cut = index >= limit ? "cut" : "";
  return token.special ? `special ${cut}` : `c${index % COLOURS} ${cut}`;
}

export const tokenize: View = {
  examples: {
    words: { inputs: ["Tokenization splits unbelievably long words into pieces."] },
    languages: { inputs: ["猫在沙发上睡觉。", "القطة نائمة على الأريكة", "naïve café"] },
  },
  draw: Tokenize,
};
