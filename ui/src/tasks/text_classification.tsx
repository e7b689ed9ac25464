/** Classes of each text, as bars. */

import { Bars } from "../parts/bars";
import { listed, name, percent } from "../texts";
import type { Drawn, View } from "../types";

interface Class {
  label: string;
  score: number;
}

export function Classes({ body, answer }: Drawn) {
  const scores = (answer as Class[][]).flat().map((each) => each.score);
  const shares = scores.every((each) => each >= 0 && each <= 1);
  return (
    <>
      {listed(body.inputs).map((text, index) => (
        <section key={index} aria-label={name(text)}>
          <h2 dir="auto">{name(text)}</h2>
          <Bars
            label="classes"
            most={shares ? 1 : Math.max(...scores.map(Math.abs))}
            of={(answer as Class[][])[index]!.map(({ label, score }) => ({
              name: label,
              value: score,
              shown: shares ? percent(score) : score.toFixed(3),
            }))}
          />
        </section>
      ))}
    </>
  );
}

export const textClassification: View = {
  examples: {
    "two opinions": { inputs: ["I like it very much.", "Never again."] },
    "a pair": { inputs: [["A man plays the guitar.", "A man makes music."]] },
    logits: { inputs: ["I like it very much."], function_to_apply: "none" },
  },
  draw: Classes,
};
