/** The request as code, ready to copy. */

import { useState } from "preact/hooks";
import { type Asking, snippets } from "../snippets";

export function SameRequest(asking: Asking) {
  const written = snippets(asking);
  const [chosen, choose] = useState("curl");
  const [copied, setCopied] = useState("");
  const name = chosen in written ? chosen : "curl";
  const text = written[name]!;
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setCopied(text);
  };
  return (
    <section aria-labelledby="same">
      <h2 id="same">The same request</h2>
      <div class="row">
        {Object.keys(written).map((each) => (
          <button key={each} type="button" class="quiet" aria-pressed={each === name} onClick={() => choose(each)}>
            {each}
          </button>
        ))}
        {navigator.clipboard && (
          <button type="button" class="quiet end" onClick={copy}>
            {copied === text ? "copied" : "copy"}
          </button>
        )}
      </div>
      <pre tabIndex={0} aria-label={`the request with ${name}`}>
        {text}
      </pre>
    </section>
  );
}
