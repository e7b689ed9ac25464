/** Hidden states: the vector of each token as a strip, and how near the tokens are to one another. */

import { useEffect, useState } from "preact/hooks";
import { cosines } from "../maths/vectors";
import { Heat } from "../parts/heat";
import { Numbers } from "../parts/numbers";
import { listed, name } from "../texts";
import type { Ask, Drawn, Json, View } from "../types";

const MOST_PAIRED = 40;

function HiddenStates({ body, answer, ask }: Drawn) {
  const inputs = listed(body.inputs);
  return (
    <>
      {(answer as number[][][]).map((states, number) => (
        <States key={number} of={states} input={inputs[number] ?? ""} ask={ask} />
      ))}
    </>
  );
}

/** The answer has vectors alone; the archive's task `tokenize` knows whose they are. */
function States({ input, of, ask }: { input: Json; of: number[][]; ask: Ask }) {
  const text = name(input);
  const [tokens, setTokens] = useState<string[]>([]);
  useEffect(() => {
    if (typeof input !== "string") return; // ids have no text that could be asked for
    ask("tokenize", { inputs: [input] }).then((reply) => {
      if (reply.status === 200) setTokens(reply.value[0].map((each: { text: string }) => each.text));
    });
  }, []);
  const names = of.map((_, index) => tokens[index] ?? "");
  return (
    <section aria-label={text}>
      <h2 dir="auto">{text}</h2>
      <p class="hint">
        {of.length} tokens × {of[0]!.length} dimensions; the first token:
      </p>
      <Numbers of={of[0]!} />
      {of.length <= MOST_PAIRED && <Heat rows={names} columns={names} values={cosines(of)} digits={1} caption="Cosine of the tokens' states" />}
    </section>
  );
}

export const hiddenStates: View = {
  examples: { "a bank and a bank": { inputs: ["The bank of the river is far from the bank with my money."] } },
  draw: HiddenStates,
};
