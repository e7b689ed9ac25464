// Uses OpenAI's own client: `node use.mjs URL INPUTS.json`; the last line of stdout is JSON, values by check.
import { readFileSync } from "node:fs";
import OpenAI from "openai";

const [url, file] = process.argv.slice(2);
const inputs = JSON.parse(readFileSync(file, "utf8"));
const connect = (model) => new OpenAI({ baseURL: `${url}/predictions/${model}/1.0/v1`, apiKey: "none" });
const client = connect("bert");

const vectors = async (more = {}) => {
  const answer = await client.embeddings.create({ model: "bert", input: inputs.texts, ...more });
  return answer.data.map((item) => item.embedding);
};
const refused = (call) => call.then(() => null, (error) => error.constructor.name);

console.log(JSON.stringify({
  "embeddings": await vectors(), // as base64, unless it is told otherwise
  "embeddings (float)": await vectors({ encoding_format: "float" }),
  "query embedding": (await vectors({ input: inputs.query }))[0],
  "short embeddings": await vectors({ dimensions: 64 }),
  "models": (await client.models.list()).data.map((model) => model.id),
  "unknown model": await refused(connect("nobody").embeddings.create({ model: "bert", input: "Hello" })),
  "empty text": await refused(client.embeddings.create({ model: "bert", input: "" })),
}));
