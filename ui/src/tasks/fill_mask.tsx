/** What may stand in a mask, ranked; a choice goes into the sentence. */

import { useState } from "preact/hooks";
import { listed, percent } from "../texts";
import { Bars } from "../parts/bars";
import type { Drawn, View } from "../types";

interface Choice {
  score: number;
  token_str: string;
  sequence: string;
}

function FillMask({ body, answer, info, send }: Drawn) {
  const texts = listed(body.inputs).map(String);
  const [complete, setComplete] = useState<Record<number, string>>({});
  const spaced = texts.some((_, number) => masks(answer[number]).flat().some((each) => each.token_str.startsWith(" ")));
  const put = (text: number, mask: number, word: string) => {
    const pieces = texts[text]!.split(info.mask ?? "[MASK]");
    const joined = pieces.slice(1).reduce((sum, piece, index) => (index === mask ? filled(sum, word, spaced) : sum + info.mask) + piece, pieces[0]!);
    if (masks(answer[text]).length === 1) return setComplete({ ...complete, [text]: joined }); // there is nothing to ask
    const inputs = texts.map((each, index) => (index === text ? joined : each));
    send({ ...body, inputs });
  };
  return (
    <>
      {texts.map((text, number) =>
        masks(answer[number]).map((choices, mask) => (
          <section key={`${number} ${mask}`} aria-label={`mask ${mask + 1} of text ${number + 1}`}>
            <h2 dir="auto">{text}</h2>
            {complete[number] !== undefined && (
              <p role="status" dir="auto">
                {complete[number]}
              </p>
            )}
            <Bars
              label={`choices for mask ${mask + 1}`}
              most={1}
              of={choices.map((each) => ({
                name: (
                  <button type="button" class="quiet" title={each.sequence} onClick={() => put(number, mask, each.token_str)}>
                    {each.token_str}
                  </button>
                ),
                value: each.score,
                shown: percent(each.score),
              }))}
            />
          </section>
        )),
      )}
      <p class="hint">A word that is chosen takes the mask's place.</p>
    </>
  );
}

/** What goes on with a word stands right after it: in WordPiece what begins with ##, and where tokens begin with spaces, what does not. */
function filled(before: string, word: string, spaced: boolean): string {
  if (word.startsWith("##")) return before.trimEnd() + word.slice(2);
  if (!spaced || before === "") return before + word.trimStart();
  return before.trimEnd() + word;
}

/** One list of choices, or one for each of several masks. */
function masks(found: Choice[] | Choice[][]): Choice[][] {
  return Array.isArray(found[0]) ? (found as Choice[][]) : [found as Choice[]];
}

export const fillMask: View = {
  examples: {
    "one mask": { inputs: ["Paris is the capital of [MASK]."], top_k: 8 },
    "two masks": { inputs: ["The [MASK] sat on the [MASK]."] },
    "of two words": { inputs: ["Madrid is in [MASK]."], targets: ["spain", "france"] },
  },
  draw: FillMask,
};
