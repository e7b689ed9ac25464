/** Similarity: the source against each sentence, and, asked beside it, all of them against one another. */

import { useEffect, useState } from "preact/hooks";
import { Bars } from "../parts/bars";
import { Pairs } from "../parts/pairs";
import { Refused } from "../parts/refused";
import { listed, name } from "../texts";
import type { Drawn, Json, Reply, View } from "../types";

function Similarity({ body, answer, ask }: Drawn) {
  const values = answer as number[];
  const paired = body.source === undefined;
  const names = listed(paired ? body.inputs : body.sentences).map(name);
  const order = values.map((_, index) => index).sort((a, b) => values[b]! - values[a]!);
  const all = paired ? [] : [String(body.source), ...names];
  return (
    <>
      <h2>{paired ? "Pairs" : `Most similar to “${body.source}”`}</h2>
      <Bars
        label="cosines"
        most={1}
        of={order.map((index) => ({ name: names[index]!, value: values[index]!, shown: values[index]!.toFixed(3) }))}
      />
      {all.length > 2 && <AllPairs texts={all} truncation={body.truncation} ask={ask} />}
    </>
  );
}

function AllPairs({ texts, truncation, ask }: { texts: string[]; truncation: Json | undefined; ask: Drawn["ask"] }) {
  const [reply, setReply] = useState<Reply | null>(null);
  useEffect(() => {
    ask("embedding", { inputs: texts, ...(truncation === undefined ? {} : { truncation }) }).then(setReply);
  }, []);
  if (!reply) return null;
  return reply.status === 200 ? <Pairs texts={texts} of={reply.value} /> : <Refused what="All pairs" reply={reply} />;
}

export const similarity: View = {
  keys: ["source", "sentences"],
  examples: {
    sentences: {
      source: "A cat sleeps.",
      sentences: ["The kitten takes a nap.", "A dog barks at night.", "The car needs petrol.", "Cats like to rest."],
    },
    pairs: {
      inputs: [
        ["A cat sleeps.", "The kitten takes a nap."],
        ["A cat sleeps.", "The car needs petrol."],
      ],
    },
  },
  draw: Similarity,
};
