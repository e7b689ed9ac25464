/** Three embeddings of one pass, each drawn as by the task that answers it alone. */

import type { Drawn, View } from "../types";
import { Embedding } from "./embedding";
import { MultiVector } from "./multi_vector";
import { SparseEmbedding } from "./sparse_embedding";

const PARTS = { dense: Embedding, sparse: SparseEmbedding, multi_vector: MultiVector };

function HybridEmbedding(given: Drawn) {
  const { inputs } = given.body;
  return (
    <>
      {Object.entries(PARTS).map(([name, Part]) => {
        const answer = given.answer.map((text: any) => text[name]);
        return answer[0] && <Part key={name} {...given} body={{ inputs: inputs! }} answer={answer} />;
      })}
    </>
  );
}

export const hybridEmbedding: View = {
  examples: {
    "all three": { inputs: ["animals that purr", "Cats purr when they are content.", "Stocks fell sharply on Monday."] },
    "dense and sparse": { inputs: ["Where does Ada live?"], outputs: ["dense", "sparse"] },
  },
  draw: HybridEmbedding,
};
