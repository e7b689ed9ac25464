/** How each task is shown, in the order in which the page lists them. */

import type { View } from "../types";
import { chunkEmbedding } from "./chunk_embedding";
import { decode } from "./decode";
import { embedding } from "./embedding";
import { explanations } from "./explanations";
import { fillMask } from "./fill_mask";
import { hiddenStates } from "./hidden_states";
import { hybridEmbedding } from "./hybrid_embedding";
import { info } from "./info";
import { multiVector } from "./multi_vector";
import { plain } from "./plain";
import { questionAnswering } from "./question_answering";
import { rerank } from "./rerank";
import { similarity } from "./similarity";
import { sparseEmbedding } from "./sparse_embedding";
import { textClassification } from "./text_classification";
import { tokenClassification } from "./token_classification";
import { tokenize } from "./tokenize";
import { wordVectors } from "./word_vectors";
import { zeroShotClassification } from "./zero_shot_classification";

const VIEWS: Record<string, View> = {
  "text-classification": textClassification,
  "zero-shot-classification": zeroShotClassification,
  "token-classification": tokenClassification,
  "question-answering": questionAnswering,
  "fill-mask": fillMask,
  embedding,
  "chunk-embedding": chunkEmbedding,
  similarity,
  rerank,
  "multi-vector": multiVector,
  "sparse-embedding": sparseEmbedding,
  "hybrid-embedding": hybridEmbedding,
  explanations,
  "word-vectors": wordVectors,
  "hidden-states": hiddenStates,
  tokenize,
  decode,
  info,
};

export function view(task: string): View {
  return VIEWS[task] ?? plain;
}

/** The default task first, tasks without a drawing last. */
export function ordered(tasks: string[], standard: string): string[] {
  const known = Object.keys(VIEWS);
  const place = (task: string) => (task === standard ? -1 : known.includes(task) ? known.indexOf(task) : known.length);
  return [...tasks].sort((a, b) => place(a) - place(b));
}
