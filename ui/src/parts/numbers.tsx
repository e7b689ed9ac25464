/** A vector as a strip of colours: one cell a dimension. */

import type { Vector } from "../maths/vectors";

const SHOWN = 6;

export function Numbers({ of }: { of: Vector }) {
  const all = Array.from(of);
  const most = Math.max(...all.map(Math.abs), 1e-9);
  const length = Math.sqrt(all.reduce((sum, each) => sum + each * each, 0));
  return (
    <figure>
      <svg class="strip" viewBox={`0 0 ${all.length} 1`} preserveAspectRatio="none" aria-hidden="true">
        {all.map((each, index) => (
          <rect key={index} class={each < 0 ? "below" : "above"} x={index} width="1.05" height="1" fill-opacity={Math.abs(each) / most} />
        ))}
      </svg>
      <figcaption class="hint">
        {all.length} dimensions of length {length.toFixed(3)}: {all.slice(0, SHOWN).map((each) => each.toFixed(4)).join(", ")} …
      </figcaption>
    </figure>
  );
}
