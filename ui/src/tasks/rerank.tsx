/** Texts in the order of the request, which move to the order of the answer. */

import { useEffect, useState } from "preact/hooks";
import type { Drawn, View } from "../types";

interface Ranked {
  index: number;
  score: number;
}

const ROW = 3.4;

function Rerank({ body, answer }: Drawn) {
  const texts = body.texts as string[];
  const found = answer as Ranked[];
  const [moved, move] = useState(false);
  useEffect(() => {
    const frame = requestAnimationFrame(() => move(true));
    return () => cancelAnimationFrame(frame);
  }, []);
  const scores = found.map((each) => each.score);
  const least = Math.min(0, ...scores);
  const span = Math.max(...scores) - least || 1;
  return (
    <>
      <h2 dir="auto">{String(body.query)}</h2>
      <ol class="ranking" aria-label="texts, best first" style={{ height: `${ROW * (moved ? found.length : texts.length)}rem` }}>
        {found.map(({ index, score }, place) => (
          <li key={index} style={{ top: `${ROW * (moved ? place : index)}rem`, "--share": (score - least) / span }}>
            <b>{place + 1}</b>
            <span dir="auto" title={texts[index]}>
              {texts[index]}
            </span>
            <small>{step(index - place)}</small>
            <span class="value">{score.toFixed(4)}</span>
          </li>
        ))}
      </ol>
    </>
  );
}

/** How far a text moved. */
function step(up: number): string {
  return up === 0 ? "" : up > 0 ? `↑ ${up}` : `↓ ${-up}`;
}

export const rerank: View = {
  examples: {
    search: {
      query: "animals that purr",
      texts: ["Dogs bark at strangers.", "A purring engine", "Cats purr when they are content.", "Wild cats such as cheetahs purr, too."],
    },
    "best two": {
      query: "how to boil an egg",
      texts: ["Bake for an hour.", "Put it into boiling water for six minutes.", "An egg is a cell.", "Chickens lay eggs."],
      top_n: 2,
    },
  },
  draw: Rerank,
};
