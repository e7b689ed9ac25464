// LangChain's embeddings and reranker over Cohere's library, whose version is the newest that LangChain's takes.
import { readFileSync } from "node:fs";

import { CohereEmbeddings, CohereRerank } from "@langchain/cohere";
import { Document } from "@langchain/core/documents";
import { CohereClient } from "cohere-ai";

const [url, path] = process.argv.slice(2);
const inputs = JSON.parse(readFileSync(path, "utf8"));

const client = (archive) => new CohereClient({ token: "none", environment: `${url}/predictions/${archive}/1.0` });
const embeddings = new CohereEmbeddings({ model: "bert", client: client("bert") });
const refused = (call) => call.then(() => "none", (error) => error.constructor.name);
const ranker = new CohereRerank({ model: "reranker", topN: inputs.documents.length, client: client("reranker") });
const ranked = await ranker.rerank(inputs.documents, inputs.query);
const documents = inputs.documents.map((pageContent) => new Document({ pageContent }));
const compressed = await ranker.compressDocuments(documents, inputs.query);

console.log(
  JSON.stringify({
    "query embedding": await embeddings.embedQuery(inputs.query),
    "document embeddings": await embeddings.embedDocuments(inputs.documents),
    scores: ranked.toSorted((a, b) => a.index - b.index).map((item) => item.relevanceScore),
    ranking: ranked.map((item) => item.index),
    "best documents": compressed.map((document) => document.pageContent),
    "empty text": await refused(embeddings.embedQuery("")),
  }),
);
