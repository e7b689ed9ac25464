/** Hidden states: the vector of each token as a strip, and how near the tokens are to one another. */

import { useEffect, useState } from "preact/hooks";
import { cosines } from "../maths/vectors";
import { Heat } from "../parts/heat";
import { Numbers } from "../parts/numbers";
import { Refused } from "../parts/refused";
import { listed, name } from "../texts";
import type { Ask, Drawn, Json, Reply, View } from "../types";

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
  const [reply, setReply] = useState<Reply | null>(null);
  useEffect(() => {
    if (typeof input !== "string") return; // ids have no text that could be asked for
    ask("tokenize", { inputs: [input] }).then(setReply);
  }, []);
  const tokens: { text: string }[] = reply?.status === 200 ? reply.value[0] : [];
  const names = of.map((_, index) => tokens[index]?.text ?? "");
  return (
    <section aria-label={text}>
      <h2 dir="auto">{text}</h2>
      <p class="hint">
        {of.length} tokens × {of[0]!.length} dimensions; the first token:
      </p>
      <Numbers of={of[0]!} />
      {reply && reply.status !== 200 && <Refused what="Names of the tokens" reply={reply} />}
      {of.length <= MOST_PAIRED ? (
        <Heat rows={names} columns={names} values={cosines(of)} digits={1} caption="Cosine of the tokens' states" />
      ) : (
        <p class="hint">{`Cosines between tokens are drawn of up to ${MOST_PAIRED}.`}</p>
      )}
    </section>
  );
}

export const hiddenStates: View = {
  examples: { "a bank and a bank": { inputs: ["The bank of the river is far from the bank with my money."] } },
  draw: HiddenStates,
};
