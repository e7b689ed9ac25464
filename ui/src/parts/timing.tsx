/** Where the time went, and how much was read. */

import type { Reply } from "../types";

const DIGITS = 1;

export function Timing({ reply, limit }: { reply: Reply; limit: number }) {
  const worker = reply.stages.reduce((sum, [, each]) => sum + each, 0);
  const parts: [string, number][] = [["queue and network", Math.max(0, reply.total - worker)], ...reply.stages];
  const label = parts.map(([name, each]) => `${name} ${each.toFixed(DIGITS)} ms`).join(", ");
  return (
    <div class="timing">
      <p>
        <b>{reply.total.toFixed(DIGITS)} ms</b>
        {reply.tokens > 0 && `, ${reply.tokens} tokens`}
        {reply.cached > 0 && `, ${reply.cached} of the texts from the worker's cache`}
        {reply.truncated > 0 && (
          <strong class="wrong">
            {`; ${reply.truncated} of the texts ${reply.truncated === 1 ? "is" : "are"} longer than the model reads (at most ${limit} tokens) and ${reply.truncated === 1 ? "was" : "were"} cut`}
          </strong>
        )}
      </p>
      <svg role="img" aria-label={label} class="stages" preserveAspectRatio="none" viewBox="0 0 100 1">
        {parts.map(([name, each], index) => (
          <rect
            key={name}
            class={`c${index}`}
            x={(100 * parts.slice(0, index).reduce((sum, [, before]) => sum + before, 0)) / reply.total}
            width={(100 * each) / reply.total}
            height="1"
          >
            <title>{`${name} ${each.toFixed(3)} ms`}</title>
          </rect>
        ))}
      </svg>
      <ul class="legend">
        {parts.map(([name, each], index) => (
          <li key={name}>
            <i class={`c${index}`} /> {name} {each.toFixed(DIGITS)} ms
          </li>
        ))}
      </ul>
    </div>
  );
}
