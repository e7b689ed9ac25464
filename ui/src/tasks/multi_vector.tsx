/** A vector per token: those of the first text against those of each other one, as MaxSim compares them. */

import { useMemo } from "preact/hooks";
import { dot, unit, type Vector, vectors } from "../maths/vectors";
import { Heat } from "../parts/heat";
import { listed, name } from "../texts";
import type { Drawn, View } from "../types";

const MOST_SHOWN = 64;

export function MultiVector({ body, answer }: Drawn) {
  const texts = listed(body.inputs).map(name);
  const of = useMemo(() => answer.map((text: any) => vectors(text, body.encoding_format).map(unit)) as Vector[][], [answer]);
  const [first, ...others] = of as [Vector[], ...Vector[][]];
  const against = others.length > 0 ? others : [first];
  return (
    <>
      {against.map((other, index) => {
        const text = texts[others.length > 0 ? index + 1 : 0] ?? "";
        const values = first.map((row) => other.map((column) => dot(row, column)));
        const best = values.reduce((sum, row) => sum + Math.max(...row), 0);
        return (
          <section key={index} aria-label={text}>
            <h2 dir="auto">{text}</h2>
            <p class="hint">
              {first.length} vectors of “{texts[0]}” (rows) and {other.length} of this text, {first[0]!.length} dimensions each; their
              MaxSim is {best.toFixed(3)}, the sum of each row's largest cosine
            </p>
            <Cosines values={values} />
          </section>
        );
      })}
    </>
  );
}

function Cosines({ values }: { values: number[][] }) {
  const shown = values.slice(0, MOST_SHOWN).map((row) => row.slice(0, MOST_SHOWN));
  const numbered = (of: unknown[]) => of.map((_, index) => `vector ${index + 1}`);
  const most = Math.max(values.length, values[0]!.length);
  return (
    <>
      <Heat rows={numbered(shown)} columns={numbered(shown[0]!)} values={shown} digits={1} caption="Cosine of each pair of vectors" />
      {most > MOST_SHOWN && <p class="hint">{`The first ${MOST_SHOWN} vectors of a text are drawn; MaxSim is of all.`}</p>}
    </>
  );
}

export const multiVector: View = {
  examples: {
    "a query and two texts": {
      inputs: ["animals that purr", "Cats purr when they are content.", "Stocks fell sharply on Monday."],
    },
    "as a query": { inputs: ["animals that purr"], input_type: "query" },
  },
  draw: MultiVector,
};
