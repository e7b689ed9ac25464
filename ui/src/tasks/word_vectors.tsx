/** Words and sums of words: their neighbours in the vocabulary, and their cosines. */

import { Bars } from "../parts/bars";
import { Heat } from "../parts/heat";
import { Numbers } from "../parts/numbers";
import { listed, name } from "../texts";
import type { Drawn, View } from "../types";

interface Word {
  tokens: string[];
  vector?: number[];
  cosines?: number[];
  neighbours?: { token: string; id: number; score: number }[];
}

function WordVectors({ body, answer }: Drawn) {
  const words = answer as Word[];
  const names = listed(body.inputs).map(name);
  const matrix = words.flatMap((each) => (each.cosines ? [each.cosines] : []));
  return (
    <>
      {words.map(({ tokens, vector, neighbours }, index) => (
        <section key={index} aria-label={names[index]}>
          <h2 dir="auto">
            {names[index]} <small>{tokens.length > 1 && tokens.join(" ")}</small>
          </h2>
          {neighbours && (
            <Bars
              label="nearest words"
              most={1}
              of={neighbours.map((each) => ({ name: each.token, value: each.score, shown: each.score.toFixed(3) }))}
            />
          )}
          {vector && <Numbers of={vector} />}
        </section>
      ))}
      {matrix.length > 0 && <Heat rows={names} columns={names} values={matrix} caption="Cosine of each pair" />}
    </>
  );
}

export const wordVectors: View = {
  keys: ["inputs", "top_k"],
  examples: {
    "king − man + woman": {
      inputs: [{ positive: ["king", "woman"], negative: ["man"] }],
      top_k: 10,
      vectors: false,
    },
    neighbours: { inputs: ["coffee", "monday"], top_k: 8, vectors: false },
    cosines: { inputs: ["cat", "dog", "car", "truck", "happy"], vectors: false, cosines: true },
  },
  draw: WordVectors,
};
