/** Texts as points on a plane: those that mean the same lie together. */

import { useId, useMemo, useState } from "preact/hooks";
import { useLook } from "../look";
import { groups } from "../maths/groups";
import { dot, unit, type Vector } from "../maths/vectors";
import type { Ask, Body } from "../types";
import { Bars } from "./bars";
import { type Method, Plane } from "./plane";
import { Search } from "./search";

interface Given {
  texts: string[];
  of: Vector[];
  /** The request whose answer this is; what is searched for is asked with the same keys. */
  body: Body;
  ask: Ask;
}

const COLOURS = 8;
const GROUPS = Array.from({ length: COLOURS }, (_, index) => index + 1);
const NEAREST = 8;
/** Fewer keep more of their neighbours by principal components. */
const FEWEST_REFINED = 30;
/** Each step takes time and memory by the square of the texts: a thousand take a second or two in all. */
const MOST_REFINED = 2500;

export function Map({ texts, of, body, ask }: Given) {
  const id = useId();
  const [places, choosePlaces] = useLook("map");
  const [wanted, chooseGroups] = useLook("groups");
  const [chosen, choose] = useState<number | null>(null);
  const [found, setFound] = useState<Vector | null>(null);
  const count = GROUPS.find((each) => String(each) === wanted) ?? Math.min(COLOURS, Math.ceil(of.length / 3));
  const units = useMemo(() => of.map(unit), [of]);
  const colours = useMemo(() => groups(units, count), [units, count]);
  const target = found ?? (chosen === null ? null : units[chosen]!);
  const closeness = useMemo(() => target && units.map((each) => dot(each, target)), [units, target]);
  const order = closeness && ranked(closeness).filter((each) => found || each !== chosen);
  const method = used(places, of.length);

  return (
    <section aria-label="map">
      <h2>Map</h2>
      <Search body={body} ask={ask} found={setFound} />
      <div class="row">
        <label class="inline">
          places by{" "}
          <select value={method} onChange={(event) => choosePlaces(event.currentTarget.value)}>
            <option>PCA</option>
            <option disabled={of.length > MOST_REFINED}>t-SNE</option>
          </select>
        </label>
        <label class="inline">
          groups{" "}
          <select value={count} onChange={(event) => chooseGroups(event.currentTarget.value)}>
            {GROUPS.map((each) => (
              <option key={each}>{each}</option>
            ))}
          </select>
        </label>
      </div>
      <Plane {...{ texts, of, units, method, colours, closeness, chosen, choose }} />
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

function used(chosen: string, count: number): Method {
  if (count > MOST_REFINED || chosen === "PCA") return "PCA";
  return chosen === "t-SNE" || count >= FEWEST_REFINED ? "t-SNE" : "PCA";
}

function ranked(values: number[]): number[] {
  return values.map((_, index) => index).sort((a, b) => values[b]! - values[a]!);
}
