/** What each token adds to the score: words shaded by their attribution, and the attention between them. */

import { useLook } from "../look";
import { Heat } from "../parts/heat";
import { decimal, direction, listed, name } from "../texts";
import type { Drawn, View } from "../types";

interface Explained {
  tokens: string[];
  target: string;
  score: number;
  baseline: number;
  attributions: number[];
  convergence_delta: number;
  /** Layers x heads x tokens x tokens. */
  attention?: number[][][][];
}

const MOST_TOKENS = 64;

function Explanations({ body, answer }: Drawn) {
  return (
    <>
      {(answer as Explained[][]).map((windows, number) => (
        <section key={number} aria-label={`text ${number + 1}`}>
          <h2 dir="auto">{name(listed(body.inputs)[number] ?? "")}</h2>
          {windows.map((window, index) => (
            <Window key={index} {...window} />
          ))}
        </section>
      ))}
      <ul class="legend">
        <li>
          <i class="raises" /> raises the score
        </li>
        <li>
          <i class="lowers" /> lowers it
        </li>
      </ul>
    </>
  );
}

function Window({ tokens, target, score, baseline, attributions, convergence_delta, attention }: Explained) {
  const most = Math.max(...attributions.map(Math.abs), 1e-9);
  return (
    <>
      <p>
        <b>{target}</b>: {decimal(score, 3)}, of which {decimal(baseline, 3)} without any text; {decimal(convergence_delta, 4)} is left
        unexplained
      </p>
      <ol class="tokens" dir={direction(tokens)}>
        {tokens.map((token, index) => (
          <li
            key={index}
            class={attributions[index]! < 0 ? "lowers" : "raises"}
            style={{ "--share": Math.abs(attributions[index]!) / most }}
          >
            <bdi>{token}</bdi>
            <small dir="ltr">{decimal(attributions[index]!, 3)}</small>
          </li>
        ))}
      </ol>
      {attention && <Attention of={attention} tokens={tokens} />}
    </>
  );
}

function Attention({ of, tokens }: { of: number[][][][]; tokens: string[] }) {
  const [layer, setLayer] = useNumber("layer", of.length);
  const [head, setHead] = useNumber("head", of[0]!.length);
  if (tokens.length > MOST_TOKENS) {
    return <p class="hint">{`Attention between ${tokens.length} tokens is in the answer; up to ${MOST_TOKENS} are drawn.`}</p>;
  }
  return (
    <>
      <div class="row">
        <Chosen name="layer" of={of.length} value={layer} set={setLayer} />
        <Chosen name="head" of={of[0]!.length} value={head} set={setHead} />
      </div>
      <Heat rows={tokens} columns={tokens} values={of[layer]![head]!} digits={0} caption="Attention of each token (row) to each other" />
    </>
  );
}

/** One of so many, which the link keeps, counted from one there. */
function useNumber(name: string, of: number): [number, (value: number) => void] {
  const [chosen, choose] = useLook(name);
  const value = Math.min(Math.max(Number.parseInt(chosen) || 1, 1), of) - 1;
  return [value, (next) => choose(next ? String(next + 1) : "")];
}

function Chosen({ name, of, value, set }: { name: string; of: number; value: number; set: (value: number) => void }) {
  return (
    <label class="inline">
      {name}{" "}
      <select value={value} onChange={(event) => set(Number(event.currentTarget.value))}>
        {Array.from({ length: of }, (_, index) => (
          <option key={index} value={index}>
            {index + 1}
          </option>
        ))}
      </select>
    </label>
  );
}

export const explanations: View = {
  examples: {
    "one text": { inputs: ["The film was surprisingly good."] },
    "with attention": { inputs: ["A cat sat on the mat."], steps: 8, attention: true },
  },
  draw: Explanations,
};
