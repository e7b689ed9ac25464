/** Points on a plane: by principal components at once, and moved to their places by t-SNE where that is wanted. */

import { useEffect, useMemo, useState } from "preact/hooks";
import { project } from "../maths/pca";
import { refined, STEPS } from "../maths/tsne";
import type { Vector } from "../maths/vectors";
import { inSlices } from "../slices";
import { percent } from "../texts";
import { Labels } from "./labels";

interface Given {
  texts: string[];
  of: Vector[];
  /** The same of length one. */
  units: Float64Array[];
  method: Method;
  colours: number[];
  /** How near each is to what was searched or chosen. */
  closeness: number[] | null;
  chosen: number | null;
  choose: (index: number) => void;
}

export type Method = "PCA" | "t-SNE";

const WIDTH = 480;
const HEIGHT = 320;
const EDGE = 16;
/** Texts that have room for their words. */
const NAMED = 12;
/** More than that get small points. */
const FEW = 200;

export function Plane({ texts, of, units, method, colours, closeness, chosen, choose }: Given) {
  const { places, about, busy } = usePlaces(of, units, method);
  const scaled = useMemo(() => onto(places), [places]);
  const radius = texts.length > FEW ? 3 : 4.5;
  return (
    <div aria-busy={busy}>
      <p class="hint">{about}</p>
      <svg class="map" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={`${texts.length} texts on a plane`}>
        {scaled.map(([x, y], index) => (
          <circle
            key={index}
            class={`c${colours[index]} ${index === chosen ? "chosen" : ""}`}
            cx={x}
            cy={y}
            r={index === chosen ? 7 : radius}
            style={closeness ? { opacity: 0.15 + 0.85 * Math.max(0, closeness[index]!) ** 2 } : {}}
            onMouseEnter={() => choose(index)}
          >
            <title>{texts[index]}</title>
          </circle>
        ))}
        {texts.length <= NAMED && <Labels at={scaled} texts={texts} width={WIDTH} />}
      </svg>
    </div>
  );
}

interface Places {
  /** `(texts, 2)`. */
  places: number[][];
  about: string;
  busy: boolean;
}

function usePlaces(of: Vector[], units: Float64Array[], method: Method): Places {
  const { places: start, shares } = useMemo(() => project(of, 2), [of]);
  const [moved, move] = useState<{ places: number[][]; step: number } | null>(null);
  useEffect(() => {
    move(null);
    if (method === "PCA") return;
    return inSlices(refined(units, start), ({ step, places }) => move({ step, places: pairs(places) }));
  }, [units, method]);
  if (method === "PCA") {
    const variance = percent(shares[0]! + shares[1]!);
    const about = `The two directions in which these vectors differ most (principal components; ${variance} of their variance).`;
    return { places: start, about, busy: false };
  }
  const step = moved?.step ?? 0;
  const about =
    "Texts that mean the same lie together (t-SNE, from principal components); how far apart groups lie says little. " +
    (step < STEPS ? `Step ${step} of ${STEPS} …` : "");
  return { places: moved?.places ?? start, about, busy: step < STEPS };
}

function pairs(flat: Float64Array): number[][] {
  return Array.from({ length: flat.length / 2 }, (_, index) => [flat[2 * index]!, flat[2 * index + 1]!]);
}

/** Points within the map; both directions keep one scale. */
function onto(places: number[][]): [number, number][] {
  const [x, y] = [0, 1].map((axis) => range(places.map((place) => place[axis]!))) as [Range, Range];
  const scale = Math.min((WIDTH - 2 * EDGE) / x.span, (HEIGHT - 2 * EDGE) / y.span);
  return places.map((place) => [WIDTH / 2 + (place[0]! - x.middle) * scale, HEIGHT / 2 + (place[1]! - y.middle) * scale]);
}

interface Range {
  middle: number;
  span: number;
}

function range(values: number[]): Range {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return { middle: (least + most) / 2, span: Math.max(most - least, 1e-9) };
}
