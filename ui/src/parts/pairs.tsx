/** All pairs of some texts by the cosine of their vectors: a heat map, and the nearest pairs by name. */

import { cosines, nearest, type Vector } from "../maths/vectors";
import { Bars } from "./bars";
import { Heat } from "./heat";

const NAMED = 5;

export function Pairs({ texts, of }: { texts: string[]; of: Vector[] }) {
  const matrix = cosines(of);
  const bars = nearest(matrix, NAMED).map(({ first, second, value }) => ({
    name: `${texts[first]} — ${texts[second]}`,
    value,
    shown: value.toFixed(3),
  }));
  return (
    <>
      <Heat rows={texts} columns={texts} values={matrix} caption="Cosine of each pair" />
      <h2>Nearest pairs</h2>
      <Bars of={bars} most={1} label="nearest pairs" />
    </>
  );
}
