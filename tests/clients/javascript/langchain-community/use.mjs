// LangChain's embeddings over Hugging Face's library; the pin of @langchain/openai is for Node 20.
import { readFileSync } from "node:fs";

import { HuggingFaceInferenceEmbeddings } from "@langchain/community/embeddings/hf";

const [url, path] = process.argv.slice(2);
const inputs = JSON.parse(readFileSync(path, "utf8"));

const endpointUrl = `${url}/predictions/bert/1.0/hf`;
const embeddings = new HuggingFaceInferenceEmbeddings({ model: "bert", apiKey: "none", endpointUrl });

console.log(
  JSON.stringify({
    embeddings: await embeddings.embedDocuments(inputs.texts),
    "query embedding": await embeddings.embedQuery(inputs.query),
    "document embeddings": await embeddings.embedDocuments(inputs.documents),
  }),
);
