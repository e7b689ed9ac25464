/** Spans of a text, marked in it. */

import type { ComponentChild } from "preact";
import { characters } from "../texts";

export interface Span {
  start: number;
  end: number;
  /** Of the colours `c0` to `c7`, and what else the style sheet knows. */
  look: string;
  title: string;
  /** What stands behind the marked words. */
  note?: string;
}

export function Marked({ text, spans }: { text: string; spans: Span[] }) {
  const letters = characters(text);
  const pieces: ComponentChild[] = [];
  let done = 0;
  for (const span of apart(spans)) {
    pieces.push(letters.slice(done, span.start).join(""));
    pieces.push(
      <mark class={span.look} title={span.title}>
        <bdi>{letters.slice(span.start, span.end).join("")}</bdi>
        {span.note && <small>{span.note}</small>}
      </mark>,
    );
    done = span.end;
  }
  return (
    <p class="marked" dir="auto">
      {pieces}
      {letters.slice(done).join("")}
    </p>
  );
}

/** In the order of the text; of two that overlap, the one that was given first stays. */
function apart(spans: Span[]): Span[] {
  const kept: Span[] = [];
  for (const span of spans) {
    if (span.end > span.start && kept.every((each) => span.end <= each.start || each.end <= span.start)) kept.push(span);
  }
  return kept.sort((a, b) => a.start - b.start);
}
