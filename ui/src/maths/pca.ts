/** Principal components by power iteration with deflation: two directions of a thousand vectors in a tenth of a second. */

import { dot, type Vector } from "./vectors";

const ROUNDS = 60;

export interface Projection {
  /** `(texts, components)`. */
  places: number[][];
  /** Share of the variance that each component has. */
  shares: number[];
}

export function project(of: Vector[], components: number): Projection {
  const rows = centred(of);
  const places: number[][] = rows.map(() => []);
  const total = rows.reduce((sum, row) => sum + dot(row, row), 0) || 1;
  const shares: number[] = [];
  for (let component = 0; component < components; component++) {
    const direction = leading(rows, component);
    let variance = 0;
    rows.forEach((row, number) => {
      const place = dot(row, direction);
      places[number]!.push(place);
      variance += place * place;
      for (let index = 0; index < row.length; index++) row[index]! -= place * direction[index]!;
    });
    shares.push(variance / total);
  }
  return { places, shares };
}

function centred(of: Vector[]): Float64Array[] {
  const size = of[0]?.length ?? 0;
  const mean = new Float64Array(size);
  for (const row of of) for (let index = 0; index < size; index++) mean[index]! += row[index]! / of.length;
  return of.map((row) => Float64Array.from(mean, (middle, index) => row[index]! - middle));
}

/** The unit vector along which the rows vary most; it always starts from the same direction. */
function leading(rows: Float64Array[], seed: number): Float64Array {
  const size = rows[0]?.length ?? 0;
  let direction = Float64Array.from({ length: size }, (_, index) => Math.sin(1 + index * (seed + 1.7)));
  for (let round = 0; round < ROUNDS; round++) {
    const next = new Float64Array(size);
    for (const row of rows) {
      const weight = dot(row, direction);
      for (let index = 0; index < size; index++) next[index]! += weight * row[index]!;
    }
    const length = Math.sqrt(dot(next, next));
    if (length < 1e-12) break;
    direction = next.map((each) => each / length);
  }
  return direction;
}
