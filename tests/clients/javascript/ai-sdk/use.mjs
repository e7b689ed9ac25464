// Vercel's AI SDK; these are the last versions for Node 20.
import { readFileSync } from "node:fs";

import { createCohere } from "@ai-sdk/cohere";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { embed, embedMany, rerank } from "ai";

const [url, path] = process.argv.slice(2);
const inputs = JSON.parse(readFileSync(path, "utf8"));

const { texts: values, query, documents } = inputs;
const base = (archive) => `${url}/predictions/${archive}/1.0`;
const compatible = createOpenAICompatible({ name: "bert", apiKey: "none", baseURL: `${base("bert")}/v1` });
const openai = createOpenAI({ apiKey: "none", baseURL: `${base("bert")}/v1` });
const cohere = (archive) => createCohere({ apiKey: "none", baseURL: `${base(archive)}/v2` });
const models = {
  "openai-compatible": compatible.embeddingModel("bert"),
  openai: openai.embedding("bert"),
  cohere: cohere("bert").embedding("bert"),
};
const short = { bert: { dimensions: 64 }, openai: { dimensions: 64 } }; // cohere's are at least 256
const refused = (call) => call.then(() => "none", (error) => error.constructor.name);

const found = {};
for (const [name, model] of Object.entries(models)) {
  found[`embeddings (${name})`] = (await embedMany({ model, values })).embeddings;
  if (name !== "cohere")
    found[`short embeddings (${name})`] = (await embedMany({ model, values, providerOptions: short })).embeddings;
  found[`query embedding (${name})`] = (await embed({ model, value: query })).embedding;
  found[`empty text (${name})`] = await refused(embed({ model, value: "" }));
}
found["unknown model"] = await refused(embed({ model: cohere("nobody").embedding("nobody"), value: query }));
const model = cohere("reranker").reranking("reranker");
const { ranking, rerankedDocuments } = await rerank({ model, query, documents });
found.scores = ranking.toSorted((a, b) => a.originalIndex - b.originalIndex).map((item) => item.score);
found.ranking = ranking.map((item) => item.originalIndex);
found["best documents"] = rerankedDocuments;

console.log(JSON.stringify(found));
