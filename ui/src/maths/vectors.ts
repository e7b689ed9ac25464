/** Vectors of an answer, and what is computed of them. */

export type Vector = ArrayLike<number>;

/** From every `encoding_format` of the task `embedding`. */
export function vectors(answer: (number[] | string)[], format: unknown): Vector[] {
  const read = FORMATS[String(format ?? "float")] ?? FORMATS.float!;
  return answer.map(read);
}

const FORMATS: Record<string, (row: any) => Vector> = {
  float: (row: number[]) => row,
  int8: (row: number[]) => row,
  base64: (row: string) => new Float32Array(Uint8Array.from(atob(row), (each) => each.charCodeAt(0)).buffer),
  binary: (row: number[]) => row.flatMap((byte) => BITS.map((bit) => ((byte + 128) & bit ? 1 : -1))),
};

/** A byte's, first dimension first; the server shifts bytes by 128. */
const BITS = [128, 64, 32, 16, 8, 4, 2, 1];

/** In four sums, so that no addition waits for the one before. */
export function dot(a: Vector, b: Vector): number {
  let first = 0;
  let second = 0;
  let third = 0;
  let fourth = 0;
  let index = 0;
  for (; index + 3 < a.length; index += 4) {
    first += a[index]! * b[index]!;
    second += a[index + 1]! * b[index + 1]!;
    third += a[index + 2]! * b[index + 2]!;
    fourth += a[index + 3]! * b[index + 3]!;
  }
  for (; index < a.length; index++) first += a[index]! * b[index]!;
  return first + second + third + fourth;
}

export function unit(vector: Vector): Float64Array {
  const length = Math.sqrt(dot(vector, vector)) || 1;
  return Float64Array.from(vector, (each) => each / length);
}

/** Of all pairs, `(texts, texts)`. */
export function cosines(of: Vector[]): number[][] {
  const units = of.map(unit);
  return units.map((a) => units.map((b) => dot(a, b)));
}

export interface Pair {
  first: number;
  second: number;
  value: number;
}

/** The pairs of two vectors with the largest cosines; of a thousand vectors there are half a million, of which few are kept. */
export function nearest(of: Vector[], count: number): Pair[] {
  const units = of.map(unit);
  const best: Pair[] = [];
  for (let second = 1; second < units.length; second++) {
    for (let first = 0; first < second; first++) {
      const value = dot(units[first]!, units[second]!);
      if (best.length === count && value <= best[count - 1]!.value) continue;
      const place = best.findIndex((each) => each.value < value);
      best.splice(place < 0 ? best.length : place, 0, { first, second, value });
      best.length = Math.min(best.length, count);
    }
  }
  return best;
}
