/** k-means: groups of vectors that lie together. */

import { dot, unit, type Vector } from "./vectors";

const ROUNDS = 20;

/** The group of each vector, by cosine; groups begin with vectors that are far from one another. */
export function groups(of: Vector[], count: number): number[] {
  const units = of.map(unit);
  let centres = apart(units, Math.min(count, units.length));
  let found: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const next = units.map((each) => best(each, centres));
    if (found.every((group, index) => group === next[index]) && round > 0) break;
    found = next;
    centres = centres.map((centre, group) => mean(units.filter((_, index) => found[index] === group)) ?? centre);
  }
  return found;
}

function apart(units: Float64Array[], count: number): Float64Array[] {
  const chosen = units.slice(0, 1);
  const closeness = units.map((each) => dot(each, chosen[0]!));
  while (chosen.length < count) {
    const farthest = closeness.indexOf(Math.min(...closeness));
    chosen.push(units[farthest]!);
    units.forEach((each, index) => (closeness[index] = Math.max(closeness[index]!, dot(each, units[farthest]!))));
  }
  return chosen;
}

function best(vector: Vector, centres: Vector[]): number {
  const values = centres.map((centre) => dot(vector, centre));
  return values.indexOf(Math.max(...values));
}

function mean(members: Float64Array[]): Float64Array | null {
  if (members.length === 0) return null;
  const sum = new Float64Array(members[0]!.length);
  for (const member of members) member.forEach((each, index) => (sum[index]! += each));
  return unit(sum);
}
