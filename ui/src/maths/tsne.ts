/** t-SNE: places on a plane where those lie together that lie together among the vectors, found step by step.
 *
 * Exact, as in van der Maaten and Hinton (JMLR 9, 2008), with the step sizes of scikit-learn; attraction is summed over near
 * neighbours alone, as in van der Maaten (JMLR 15, 2014). Nothing is drawn by chance: equal vectors and starts end equal.
 */

import { dot } from "./vectors";

export const STEPS = 300;
/** Steps in which attraction is stronger, so that groups find together. */
const EARLY = 100;
const EXAGGERATION = 12;
const PERPLEXITY = 30;
const MOMENTUM = { early: 0.5, late: 0.8 };
/** Of the number of vectors: what scikit-learn takes leaves less than a hundred of them in disorder. */
const RATE = 1 / 20;
const LEAST_GAIN = 0.01;
/** The spread of the places that it begins with. */
const SPREAD = 1e-4;
const HALVINGS = 60;

/** How far it is; `places` are the same array at each turn. */
export interface Turn {
  step: number;
  places: Float64Array;
}

/** Attraction between near vectors: row `i` has the columns and values from `from[i]` to `from[i + 1]`; they sum to 1. */
interface Near {
  from: Int32Array;
  columns: Int32Array;
  values: Float64Array;
}

/**
 * Places `(x, y)` of each of at least four unit vectors, one after the other. They are moved in place; each turn takes a
 * few milliseconds for a thousand vectors, and gives the number of steps done, 0 while neighbours are still looked for.
 */
export function* refined(units: Float64Array[], start: number[][]): Generator<Turn> {
  const count = units.length;
  const places = spread(start);
  const near = yield* attraction(units, places);
  const [moves, forces] = [new Float64Array(2 * count), new Float64Array(2 * count)];
  const gains = new Float64Array(2 * count).fill(1);
  const rate = RATE * count;
  for (let step = 1; step <= STEPS; step++) {
    const early = step <= EARLY;
    push(places, forces);
    pull(places, near, early ? EXAGGERATION : 1, forces);
    const momentum = early ? MOMENTUM.early : MOMENTUM.late;
    for (let index = 0; index < 2 * count; index++) {
      const turned = forces[index]! * moves[index]! > 0;
      gains[index] = Math.max(LEAST_GAIN, turned ? gains[index]! * 0.8 : gains[index]! + 0.2);
      moves[index] = momentum * moves[index]! - rate * gains[index]! * forces[index]!;
      places[index]! += moves[index]!;
    }
    yield { step, places };
  }
}

function spread(start: number[][]): Float64Array {
  const variance = start.reduce((sum, [x]) => sum + x! * x!, 0) / start.length;
  const scale = SPREAD / (Math.sqrt(variance) || 1);
  return Float64Array.from(start.flat(), (each) => each * scale);
}

/** Repulsion of all pairs, normalised; replaces what is in `forces`. */
function push(places: Float64Array, forces: Float64Array): void {
  forces.fill(0);
  let total = 0;
  for (let i = 0; i < places.length; i += 2) {
    const x = places[i]!;
    const y = places[i + 1]!;
    let sumX = 0;
    let sumY = 0;
    for (let j = 0; j < i; j += 2) {
      const dx = x - places[j]!;
      const dy = y - places[j + 1]!;
      const weight = 1 / (1 + dx * dx + dy * dy);
      total += weight;
      const force = weight * weight;
      sumX += force * dx;
      sumY += force * dy;
      forces[j]! += force * dx;
      forces[j + 1]! += force * dy;
    }
    forces[i]! -= sumX;
    forces[i + 1]! -= sumY;
  }
  const scale = 4 / (2 * total);
  for (let index = 0; index < forces.length; index++) forces[index]! *= scale;
}

/** Adds attraction of near pairs. */
function pull(places: Float64Array, { from, columns, values }: Near, stronger: number, forces: Float64Array): void {
  for (let i = 0; i < from.length - 1; i++) {
    const x = places[2 * i]!;
    const y = places[2 * i + 1]!;
    for (let at = from[i]!; at < from[i + 1]!; at++) {
      const j = 2 * columns[at]!;
      const dx = x - places[j]!;
      const dy = y - places[j + 1]!;
      const force = (4 * stronger * values[at]!) / (1 + dx * dx + dy * dy);
      forces[2 * i]! += force * dx;
      forces[2 * i + 1]! += force * dy;
    }
  }
}

/** Of each vector to its nearest ones, both ways; `places` are handed out as they are meanwhile. */
function* attraction(units: Float64Array[], places: Float64Array): Generator<Turn, Near> {
  const count = units.length;
  const perplexity = Math.min(PERPLEXITY, (count - 1) / 3);
  const few = Math.min(count - 1, Math.floor(3 * perplexity));
  const closeness = units.map(() => new Float32Array(count));
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < i; j++) closeness[i]![j] = closeness[j]![i] = dot(units[i]!, units[j]!);
    closeness[i]![i] = -Infinity;
    yield { step: 0, places };
  }
  const rows: globalThis.Map<number, number>[] = units.map(() => new globalThis.Map());
  for (let i = 0; i < count; i++) {
    const chosen = largest(closeness[i]!, few);
    const shares = conditional(chosen.map((j) => 2 - 2 * closeness[i]![j]!), perplexity);
    chosen.forEach((j, place) => {
      const value = shares[place]! / (2 * count);
      rows[i]!.set(j, (rows[i]!.get(j) ?? 0) + value);
      rows[j]!.set(i, (rows[j]!.get(i) ?? 0) + value);
    });
    yield { step: 0, places };
  }
  const from = Int32Array.from([0, ...rows.map((row) => row.size)]);
  for (let i = 0; i < count; i++) from[i + 1]! += from[i]!;
  const all = rows.flatMap((row) => [...row]);
  return { from, columns: Int32Array.from(all, ([j]) => j), values: Float64Array.from(all, ([, value]) => value) };
}

/** Where the largest values are, the largest first; of equal ones the first. */
function largest(values: Float32Array, count: number): number[] {
  const least = values.slice().sort()[values.length - count]!;
  const found: number[] = [];
  values.forEach((value, index) => value >= least && found.push(index));
  return found.sort((a, b) => values[b]! - values[a]! || a - b).slice(0, count);
}

/** Gaussian weights of squared distances, nearest first, with that perplexity: the width is found by halving. */
function conditional(distances: number[], perplexity: number): number[] {
  let [least, most, beta] = [0, Infinity, 1];
  let weights: number[] = [];
  for (let turn = 0; turn < HALVINGS; turn++) {
    weights = distances.map((each) => Math.exp(-beta * (each - distances[0]!)));
    const total = weights.reduce((sum, each) => sum + each, 0);
    const entropy = Math.log(total) + (beta * weights.reduce((sum, each, at) => sum + each * (distances[at]! - distances[0]!), 0)) / total;
    weights = weights.map((each) => each / total);
    if (Math.abs(entropy - Math.log(perplexity)) < 1e-5) break;
    if (entropy > Math.log(perplexity)) least = beta;
    else most = beta;
    beta = most === Infinity ? 2 * beta : (least + most) / 2;
  }
  return weights;
}
