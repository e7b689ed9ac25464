/** Sparse vectors: the words of the vocabulary that stand for a text, by weight. */

import { useEffect, useState } from "preact/hooks";
import { Bars } from "../parts/bars";
import { Refused } from "../parts/refused";
import { listed, name } from "../texts";
import type { Ask, Drawn, Reply, View } from "../types";

interface Weight {
  index: number;
  value: number;
}

const SHOWN = 30;

export function SparseEmbedding({ body, answer, ask }: Drawn) {
  return (
    <>
      {(answer as Weight[][]).map((weights, number) => (
        <section key={number} aria-label={`text ${number + 1}`}>
          <h2 dir="auto">{name(listed(body.inputs)[number] ?? "")}</h2>
          <Weights of={weights} ask={ask} />
        </section>
      ))}
    </>
  );
}

/** The answer has ids in their order; the archive's task `decode` knows their words. */
function Weights({ of, ask }: { of: Weight[]; ask: Ask }) {
  const shown = [...of].sort((a, b) => b.value - a.value).slice(0, SHOWN);
  const [reply, setReply] = useState<Reply | null>(null);
  useEffect(() => {
    if (shown.length === 0) return;
    ask("decode", { ids: shown.map((each) => [each.index]), skip_special_tokens: false }).then(setReply);
  }, []);
  const words: string[] = reply?.status === 200 ? reply.value : [];
  const most = shown[0]?.value ?? 1;
  const word = (each: Weight, index: number) => words[index] || `#${each.index}`;
  return (
    <>
      <p class="cloud" aria-hidden="true">
        {shown.map((each, index) => (
          <span key={each.index} style={{ fontSize: `${0.8 + (1.4 * each.value) / most}rem` }}>
            {word(each, index)}
          </span>
        ))}
      </p>
      <Bars
        label="words by weight"
        of={shown.map((each, index) => ({ name: word(each, index), value: each.value, shown: each.value.toFixed(3) }))}
      />
      {reply && reply.status !== 200 && <Refused what="Words" reply={reply} />}
      {of.length > SHOWN && <p class="hint">{of.length - SHOWN} more have smaller weights.</p>}
    </>
  );
}

export const sparseEmbedding: View = {
  examples: {
    "one text": { inputs: ["Cats purr when they are content."], top_k: 30 },
    "two texts": { inputs: ["How do I bake bread?", "Stocks fell sharply on Monday."], top_k: 12 },
  },
  draw: SparseEmbedding,
};
