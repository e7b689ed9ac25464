/** All pairs of some texts by the cosine of their vectors: the nearest pairs by name, and a heat map of a few texts. */

import { useMemo } from "preact/hooks";
import { cosines, nearest, type Vector } from "../maths/vectors";
import { Bars } from "./bars";
import { Heat } from "./heat";

const NAMED = 5;
const MOST_DRAWN = 24;

export function Pairs({ texts, of }: { texts: string[]; of: Vector[] }) {
  const matrix = useMemo(() => (of.length <= MOST_DRAWN ? cosines(of) : null), [of]);
  const pairs = useMemo(() => nearest(of, NAMED), [of]);
  const bars = pairs.map(({ first, second, value }) => ({
    name: `${texts[first]} — ${texts[second]}`,
    value,
    shown: value.toFixed(3),
  }));
  return (
    <>
      {matrix ? (
        <Heat rows={texts} columns={texts} values={matrix} caption="Cosine of each pair" />
      ) : (
        <p class="hint">
          {of.length} texts: a heat map of all pairs is drawn for up to {MOST_DRAWN}.
        </p>
      )}
      <h2>Nearest pairs</h2>
      <Bars of={bars} most={1} label="nearest pairs" />
    </>
  );
}
