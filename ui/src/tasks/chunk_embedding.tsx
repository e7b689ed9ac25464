/** Chunks of texts, by their words, and drawn as texts are whose embeddings were asked for. */

import { useMemo } from "preact/hooks";
import { vectors } from "../maths/vectors";
import { characters, listed } from "../texts";
import type { Drawn, View } from "../types";
import { Vectors } from "./embedding";

interface Chunk {
  start: number;
  stop: number;
  embedding: number[] | string;
}

function ChunkEmbedding({ body, answer, ask }: Drawn) {
  const chunks = answer as Chunk[][];
  const texts = listed(body.inputs).map((text) => characters(String(text)));
  const names = chunks.flatMap((own, index) => own.map(({ start, stop }) => texts[index]!.slice(start, stop).join("").trim()));
  const of = useMemo(() => vectors(chunks.flat().map((each) => each.embedding), body.encoding_format), [answer]);
  const { spans, chunk_size, overlap, late_chunking, ...shared } = body;
  return <Vectors texts={names} of={of} body={shared} ask={ask} />;
}

const TEXT =
  "Ada Lovelace lived in London. She wrote about an engine that was never built. Cats purr when they are content. " +
  "They sleep for most of the day.";

export const chunkEmbedding: View = {
  keys: ["inputs", "chunk_size", "late_chunking"],
  examples: {
    "parts of a text": { inputs: [TEXT], chunk_size: 12 },
    "late chunking": { inputs: [TEXT], chunk_size: 12, late_chunking: true },
  },
  draw: ChunkEmbedding,
};
