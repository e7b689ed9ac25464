/** Answers, marked in their context: the best one strongly, those after it faintly. */

import { Bars } from "../parts/bars";
import { Marked } from "../parts/marked";
import { listed, percent } from "../texts";
import type { Body, Drawn, View } from "../types";

interface Found {
  answer: string;
  score: number;
  start: number;
  end: number;
}

function QuestionAnswering({ body, answer }: Drawn) {
  const asked = (body.inputs === undefined ? [body] : listed(body.inputs)) as Body[];
  const found: Found[][] = Array.isArray(answer[0]) ? answer : [answer];
  return (
    <>
      {asked.map(({ question, context }, index) => (
        <section key={index} aria-label={String(question)}>
          <h2 dir="auto">{String(question)}</h2>
          <Marked
            text={String(context)}
            spans={found[index]!.map((each, place) => ({
              ...each,
              look: place === 0 ? "c0 best" : "c0",
              title: `${place + 1}: ${percent(each.score)}`,
            }))}
          />
          <Bars
            label="answers"
            most={1}
            of={found[index]!.map((each) => ({
              name: each.answer || "(the context has no answer)",
              value: each.score,
              shown: percent(each.score),
            }))}
          />
        </section>
      ))}
    </>
  );
}

const CONTEXT =
  "Ada Lovelace was born in London in 1815. She wrote the first published algorithm for Charles Babbage's Analytical " +
  "Engine, a machine that was never finished.";

export const questionAnswering: View = {
  keys: ["question", "context", "top_k"],
  examples: {
    "who, when, where": { question: "Where was Ada Lovelace born?", context: CONTEXT, top_k: 3 },
    "no answer in it": { question: "What did she eat?", context: CONTEXT, top_k: 3, handle_impossible_answer: true },
    中文: { question: "李白住在哪里？", context: "李白是唐代诗人，曾住在长安。", top_k: 3 },
  },
  draw: QuestionAnswering,
};
