// LangChain's embeddings over OpenAI's library; 1.5.8 is the last version for Node 20.
import { readFileSync } from "node:fs";

import { OpenAIEmbeddings } from "@langchain/openai";

const [url, path] = process.argv.slice(2);
const inputs = JSON.parse(readFileSync(path, "utf8"));

const configuration = { baseURL: `${url}/predictions/bert/1.0/v1` };
const embeddings = (options) => new OpenAIEmbeddings({ model: "bert", apiKey: "none", configuration, ...options });
const refused = (call) => call.then(() => "none", (error) => error.constructor.name);

console.log(
  JSON.stringify({
    embeddings: await embeddings().embedDocuments(inputs.texts),
    "embeddings (float)": await embeddings({ encodingFormat: "float" }).embedDocuments(inputs.texts),
    "short embeddings": await embeddings({ dimensions: 64 }).embedDocuments(inputs.texts),
    "query embedding": await embeddings().embedQuery(inputs.query),
    "empty text": await refused(embeddings().embedQuery("")),
  }),
);
