// Chroma's embedding functions that take an address; that for Cohere takes none.
import { readFileSync } from "node:fs";

import { HuggingfaceServerEmbeddingFunction } from "@chroma-core/huggingface-server";
import { OpenAIEmbeddingFunction } from "@chroma-core/openai";

const [url, path] = process.argv.slice(2);
const inputs = JSON.parse(readFileSync(path, "utf8"));

const base = `${url}/predictions/bert/1.0`;
const own = { modelName: "bert", apiKey: "none", apiBase: `${base}/v1` };
const openai = (options) => new OpenAIEmbeddingFunction({ ...own, ...options });
const tei = new HuggingfaceServerEmbeddingFunction({ url: `${base}/tei/embed` });

console.log(
  JSON.stringify({
    "embeddings (openai)": await openai().generate(inputs.texts),
    "short embeddings (openai)": await openai({ dimensions: 64 }).generate(inputs.texts),
    "embeddings (huggingface-server)": await tei.generate(inputs.texts),
  }),
);
