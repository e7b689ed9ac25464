// Hugging Face's library for JavaScript: an endpoint's own task, and others by their names on the Hub.
import { readFileSync } from "node:fs";

import { InferenceClient } from "@huggingface/inference";

const [url, path] = process.argv.slice(2);
const inputs = JSON.parse(readFileSync(path, "utf8"));

const client = (archive) => new InferenceClient("none", { endpointUrl: `${url}/predictions/${archive}/1.0/hf` });
const sentences = client("bert").endpoint(`${url}/predictions/bert/1.0/hf/sentence-similarity`);
const { texts, query, sentence, masked, question, context, labels: candidates } = inputs;
const labels = await client("classes").textClassification({ inputs: sentence });
const entities = await client("entities").tokenClassification({ inputs: sentence });
const words = await client("words").fillMask({ inputs: masked, parameters: { top_k: 5 } });
const choices = await client("nli").zeroShotClassification({
  inputs: sentence,
  parameters: { candidate_labels: candidates, multi_label: true },
});
const refused = (call) => call.then(() => "none", (error) => error.constructor.name);

console.log(
  JSON.stringify({
    embeddings: await client("bert").featureExtraction({ inputs: texts }),
    "query embedding": (await client("bert").featureExtraction({ inputs: query }))[0],
    similarities: await sentences.sentenceSimilarity({ inputs: { source_sentence: sentence, sentences: texts } }),
    labels: Object.fromEntries(labels.map((item) => [item.label, item.score])),
    entities: entities.map(({ entity_group, start, end, score }) => ({ entity_group, start, end, score })),
    words: words.map((item) => [item.token_str, item.score]),
    choices: Object.fromEntries(choices.map((item) => [item.label, item.score])),
    answer: await client("answers").questionAnswering({ inputs: { question, context } }),
    "unknown model": await refused(client("nobody").featureExtraction({ inputs: query })),
  }),
);
