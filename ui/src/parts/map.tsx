/** Texts as points on a plane: those that mean the same lie together. */

import { useId, useMemo, useState } from "preact/hooks";
import { groups } from "../maths/groups";
import { project } from "../maths/pca";
import { dot, unit, type Vector } from "../maths/vectors";
import { percent } from "../texts";
import type { Ask, Body } from "../types";
import { Bars } from "./bars";
import { Labels } from "./labels";

interface Given {
  texts: string[];
  of: Vector[];
  /** The request whose answer this is; what is searched for is asked with the same keys. */
  body: Body;
  ask: Ask;
}

const COLOURS = 8;
const GROUPS = Array.from({ length: COLOURS }, (_, index) => index + 1);
const WIDTH = 480;
const HEIGHT = 320;
const EDGE = 16;
const NEAREST = 8;
/** Texts that have room for their words. */
const NAMED = 12;

export function Map({ texts, of, body, ask }: Given) {
  const id = useId();
  const [count, setCount] = useState(Math.min(COLOURS, Math.ceil(of.length / 3)));
  const [chosen, choose] = useState<number | null>(null);
  const [found, setFound] = useState<Vector | null>(null);
  const units = useMemo(() => of.map(unit), [of]);
  const { places, shares } = useMemo(() => project(of, 2), [of]);
  const colours = useMemo(() => groups(of, count), [of, count]);
  const scaled = useMemo(() => onto(places), [places]);
  const target = found ?? (chosen === null ? null : units[chosen]!);
  const closeness = target && units.map((each) => dot(each, target));
  const order = closeness && ranked(closeness).filter((each) => found || each !== chosen);

  return (
    <section aria-label="map">
      <h2>Map</h2>
      <p class="hint">
        The two directions in which these vectors differ most (principal components; {percent(shares[0]! + shares[1]!)} of
        their variance).
      </p>
      <Search body={body} ask={ask} found={setFound} />
      <label class="inline">
        groups{" "}
        <select value={count} onChange={(event) => setCount(Number(event.currentTarget.value))}>
          {GROUPS.map((each) => (
            <option key={each}>{each}</option>
          ))}
        </select>
      </label>
      <svg class="map" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={`${texts.length} texts on a plane`}>
        {scaled.map(([x, y], index) => (
          <circle
            key={index}
            class={`c${colours[index]} ${index === chosen ? "chosen" : ""}`}
            cx={x}
            cy={y}
            r={index === chosen ? 7 : 4.5}
            style={closeness ? { opacity: 0.15 + 0.85 * Math.max(0, closeness[index]!) ** 2 } : {}}
            onMouseEnter={() => choose(index)}
          >
            <title>{texts[index]}</title>
          </circle>
        ))}
        {texts.length <= NAMED && <Labels at={scaled} texts={texts} width={WIDTH} />}
      </svg>
      <div class="field">
        <label for={id}>texts</label>
        <select id={id} size={6} value={chosen ?? ""} onChange={(event) => choose(Number(event.currentTarget.value))}>
          {texts.map((each, index) => (
            <option key={index} value={index} dir="auto">
              {each}
            </option>
          ))}
        </select>
      </div>
      {order && (
        <>
          <h3>{found ? "Nearest to what was searched" : `Nearest to “${texts[chosen!]}”`}</h3>
          <Bars
            label="nearest texts"
            most={1}
            of={order.slice(0, NEAREST).map((index) => ({ name: texts[index]!, value: closeness[index]!, shown: closeness[index]!.toFixed(3) }))}
          />
        </>
      )}
    </section>
  );
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

function ranked(values: number[]): number[] {
  return values.map((_, index) => index).sort((a, b) => values[b]! - values[a]!);
}

function Search({ body, ask, found }: { body: Body; ask: Ask; found: (vector: Vector | null) => void }) {
  const [text, setText] = useState("");
  const search = async (event: Event) => {
    event.preventDefault();
    if (!text.trim()) return found(null);
    const reply = await ask("embedding", { ...body, inputs: [text], encoding_format: "float" });
    found(reply.status === 200 ? unit(reply.value[0]) : null);
  };
  return (
    <form class="row" role="search" onSubmit={search}>
      <label class="inline grow">
        search by meaning <input type="search" dir="auto" value={text} onInput={(event) => setText(event.currentTarget.value)} />
      </label>
      <button type="submit" class="quiet">
        Search
      </button>
    </form>
  );
}
