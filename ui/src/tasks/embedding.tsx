/** Embeddings: the vectors, all pairs of a few texts, and a map of many. */

import { useMemo } from "preact/hooks";
import { type Vector, vectors } from "../maths/vectors";
import { Map } from "../parts/map";
import { Numbers } from "../parts/numbers";
import { Pairs } from "../parts/pairs";
import { listed, name } from "../texts";
import type { Ask, Body, Drawn, View } from "../types";

const FEWEST_MAPPED = 4;

export function Embedding({ body, answer, ask }: Drawn) {
  const of = useMemo(() => vectors(answer, body.encoding_format), [answer]);
  return <Vectors texts={texted(body)} of={of} body={body} ask={ask} />;
}

/** Vectors with the words that they stand for; see `Map` for `body`. */
export function Vectors({ texts, of, body, ask }: { texts: string[]; of: Vector[]; body: Body; ask: Ask }) {
  return (
    <>
      {of.length === 1 && <Numbers of={of[0]!} />}
      {of.length > 1 && <Pairs texts={texts} of={of} />}
      {of.length >= FEWEST_MAPPED && <Map texts={texts} of={of} body={body} ask={ask} />}
    </>
  );
}

/** A flat list of token ids is one text. */
function texted({ inputs }: Drawn["body"]): string[] {
  const all = listed(inputs);
  return all.every((each) => typeof each === "number") ? [name(all)] : all.map(name);
}

const LANGUAGES = [
  "The cat sleeps on the sofa.",
  "A kitten is napping on the couch.",
  "Stocks fell sharply on Monday.",
  "The market lost ground this week.",
  "How do I bake bread?",
  "A recipe for a sourdough loaf",
  "猫在沙发上睡觉。",
  "القطة نائمة على الأريكة",
];

export const embedding: View = {
  examples: {
    "a few texts": { inputs: LANGUAGES },
    "one text": { inputs: ["Hello, how are you?"] },
    "64 dimensions": { inputs: LANGUAGES.slice(0, 6), dimensions: 64 },
  },
  draw: Embedding,
};
