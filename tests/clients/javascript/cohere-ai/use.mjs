// Cohere's library for JavaScript, both versions of its API.
import { readFileSync } from "node:fs";

import { CohereClient, CohereClientV2 } from "cohere-ai";

const [url, path] = process.argv.slice(2);
const inputs = JSON.parse(readFileSync(path, "utf8"));

const client = (Version, archive) => new Version({ token: "none", baseUrl: `${url}/predictions/${archive}/1.0` });
const embed = { model: "bert", texts: inputs.texts, inputType: "classification" };
const float = { ...embed, embeddingTypes: ["float"] };
const rank = { model: "reranker", query: inputs.query, documents: inputs.documents };
const scores = ({ results }) => results.toSorted((a, b) => a.index - b.index).map((item) => item.relevanceScore);
const refused = (call) => call.then(() => "none", (error) => error.constructor.name);

const [v1, v2] = [client(CohereClient, "bert"), client(CohereClientV2, "bert")];
const [ranker1, ranker2] = [client(CohereClient, "reranker"), client(CohereClientV2, "reranker")];
const ranked1 = await ranker1.rerank({ ...rank, returnDocuments: true });
const ranked2 = await ranker2.rerank(rank);

console.log(
  JSON.stringify({
    "embeddings (1)": (await v1.embed(embed)).embeddings,
    "embeddings (1, float)": (await v1.embed(float)).embeddings.float,
    "embeddings (2)": (await v2.embed(float)).embeddings.float,
    "short embeddings": (await v2.embed({ ...float, outputDimension: 64 })).embeddings.float,
    "scores (1)": scores(ranked1),
    "ranking (1)": ranked1.results.map((item) => item.index),
    "best documents (1)": ranked1.results.map((item) => item.document.text),
    "scores (2)": scores(ranked2),
    "ranking (2)": ranked2.results.map((item) => item.index),
    "unknown model": await refused(client(CohereClientV2, "nobody").embed(float)),
    "empty text": await refused(v2.embed({ ...float, texts: [""] })),
  }),
);
