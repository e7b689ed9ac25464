/** What has no drawing of its own. */

import type { Drawn, View } from "../types";

const LONGEST = 5000;

function Plain({ answer }: Drawn) {
  const text = JSON.stringify(answer, null, 1);
  return (
    <pre tabIndex={0} aria-label="answer">
      {text.length > LONGEST ? `${text.slice(0, LONGEST)} …` : text}
    </pre>
  );
}

export const plain: View = { examples: {}, draw: Plain };
