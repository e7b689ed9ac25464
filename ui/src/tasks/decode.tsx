/** Texts of token ids. */

import type { Drawn, View } from "../types";

function Decode({ answer }: Drawn) {
  return (
    <ol>
      {(answer as string[]).map((text, index) => (
        <li key={index} class="marked" dir="auto">
          {text}
        </li>
      ))}
    </ol>
  );
}

export const decode: View = {
  examples: { "three ids": { ids: [[101, 7592, 102]], skip_special_tokens: false } },
  draw: Decode,
};
