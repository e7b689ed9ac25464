/** The request that was sent, for other programs; a key is read from the environment and never shown. */

import type { Body, Info, Json } from "./types";

export interface Asking {
  origin: string;
  base: string;
  info: Info;
  task: string;
  /** None of a request that only looks at an address. */
  body: Body | null;
  /** Whether the server wants a key. */
  locked: boolean;
}

type Snippet = (asking: Asking) => string;

const KEY = "BERT_KEY";

/** Bytes of a body that fits into one argument: Linux takes 128 KiB, see MAX_ARG_STRLEN in execve(2). */
const ARGUMENT = 100_000;

const url = ({ origin, base, task }: Asking) => `${origin}${base}/${task}`;

const SPLIT = " \\\n  ";

const curl: Snippet = (asking) => {
  const lines = [`curl -s ${url(asking)}`];
  if (asking.locked) lines.push(`-H "authorization: Bearer $${KEY}"`);
  if (asking.body === null) return lines.join(SPLIT);
  const text = JSON.stringify(asking.body);
  lines.push("-H 'content-type: application/json'");
  if (new TextEncoder().encode(text).length > ARGUMENT) return `${lines.join(SPLIT)}${SPLIT}--data-binary @- <<'END'\n${text}\nEND`;
  return [...lines, `-d '${text.replaceAll("'", "'\\''")}'`].join(SPLIT);
};

const python: Snippet = (asking) => {
  const method = asking.body ? "post" : "get";
  const lines = [`    "${url(asking)}",`];
  if (asking.body) lines.push(`    json=${literal(asking.body)},`);
  if (asking.locked) lines.push(`    headers={"authorization": "Bearer " + os.environ["${KEY}"]},`);
  const imports = asking.locked ? "import os\n\nimport requests" : "import requests";
  return `${imports}\n\nanswer = requests.${method}(\n${lines.join("\n")}\n)\nanswer.raise_for_status()\nprint(answer.json())`;
};

const openai: Snippet = ({ origin, base, info, body, locked }) => {
  const secret = locked ? `os.environ["${KEY}"]` : '"none"';
  const size = body?.dimensions ? `, dimensions=${body.dimensions}` : "";
  return `${locked ? "import os\n\n" : ""}from openai import OpenAI

client = OpenAI(base_url="${origin}${base}/v1", api_key=${secret})
answer = client.embeddings.create(model="${info.model}", input=${literal(body?.inputs ?? [])}${size})
print([each.embedding for each in answer.data])`;
};

/** What `v1/embeddings` can be told; with any other key it would give other vectors. */
const OPENAI = ["inputs", "dimensions"];

const client: Snippet = ({ origin, info, task, body, locked }) => {
  const secret = locked ? `, api_key=os.environ["${KEY}"]` : "";
  return `${locked ? "import os\n\n" : ""}from bert_client import BertClient

with BertClient("${origin}", "${info.model}", "${info.version}"${secret}) as client:
    print(client.ask("${task}", ${literal(body ?? {})}))`;
};

const javascript: Snippet = (asking) => {
  const headers = [
    ...(asking.body ? ['"content-type": "application/json"'] : []),
    ...(asking.locked ? [`authorization: \`Bearer \${process.env.${KEY}}\``] : []),
  ];
  const body = !asking.body ? "" : `\n  body: JSON.stringify(${JSON.stringify(asking.body)}),`;
  return `const answer = await fetch("${url(asking)}", {
  method: "${asking.body ? "POST" : "GET"}",
  headers: { ${headers.join(", ")} },${body}
});
console.log(JSON.stringify(await answer.json()));`;
};

/** JSON as Python writes it. */
function literal(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (value && typeof value === "object") {
    return `{${Object.entries(value).map(([name, each]) => `${JSON.stringify(name)}: ${literal(each)}`).join(", ")}}`;
  }
  return value === true ? "True" : value === false ? "False" : value === null ? "None" : JSON.stringify(value);
}

const EVERYWHERE: Record<string, Snippet> = { curl, Python: python, BertClient: client, JavaScript: javascript };

export function snippets(asking: Asking): Record<string, string> {
  const same = asking.task === "embedding" && Object.keys(asking.body ?? {}).every((key) => OPENAI.includes(key));
  const own: Record<string, Snippet> = same ? { ...EVERYWHERE, OpenAI: openai } : EVERYWHERE;
  return Object.fromEntries(Object.entries(own).map(([name, write]) => [name, write(asking)]));
}
