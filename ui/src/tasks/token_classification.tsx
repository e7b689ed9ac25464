/** Named entities, marked in the text. */

import { Bars } from "../parts/bars";
import { Marked } from "../parts/marked";
import { characters, listed, percent } from "../texts";
import type { Drawn, View } from "../types";

interface Entity {
  entity_group?: string;
  entity?: string;
  score: number;
  start: number;
  end: number;
}

const COLOURS = 8;

/** `B-PER` and `I-PER`, of the strategy `none`, are the colour of `PER`. */
const kind = (each: Entity) => (each.entity_group ?? each.entity ?? "").replace(/^[BIES]-/, "");

function TokenClassification({ body, answer }: Drawn) {
  const texts = listed(body.inputs).map(String);
  const found = answer as Entity[][];
  const kinds = [...new Set(found.flat().map(kind))].sort();
  const look = (each: Entity) => `c${kinds.indexOf(kind(each)) % COLOURS}`;
  return (
    <>
      <ul class="legend">
        {kinds.map((each, index) => (
          <li key={each}>
            <i class={`c${index % COLOURS}`} /> {each}
          </li>
        ))}
      </ul>
      {texts.map((text, index) => (
        <Marked
          key={index}
          text={text}
          spans={found[index]!.map((each) => ({
            ...each,
            look: look(each),
            title: `${kind(each)} ${percent(each.score)}`,
            note: kind(each),
          }))}
        />
      ))}
      {found.flat().length === 0 && <p class="hint">No entities were found.</p>}
      <Bars
        label="entities with scores"
        most={1}
        of={found.flatMap((entities, index) => {
          const letters = characters(texts[index]!);
          return entities.map((each) => ({
            name: `${letters.slice(each.start, each.end).join("")} (${kind(each)})`,
            value: each.score,
            shown: percent(each.score),
          }));
        })}
      />
    </>
  );
}

export const tokenClassification: View = {
  examples: {
    English: { inputs: ["Ada Lovelace lived in London and wrote to Charles Babbage."] },
    "several languages": { inputs: ["Angela Merkel wurde in Hamburg geboren.", "李白住在长安。", "وُلد نجيب محفوظ في القاهرة."] },
    "each token": { inputs: ["Ada Lovelace lived in London."], aggregation_strategy: "none" },
  },
  draw: TokenClassification,
};
