"""`question-answering`: where a text answers a question."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from handler.device import Reading
from handler.errors import Invalid
from handler.tasks import spans
from handler.tasks.base import HeadTask, TextRequest
from handler.types import Encoding, Output, Text

QUESTION = Meta(description="what is asked", examples=["Where does Ada live?"])
CONTEXT = Meta(description="the text that may answer it", examples=["Ada lives in London."])


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One question and its text."""

    question: Annotated[str, QUESTION]
    context: Annotated[str, CONTEXT]


class QuestionAnsweringRequest(TextRequest, frozen=True, kw_only=True):
    """Body of `question-answering`: one question, or `inputs` with several."""

    question: Annotated[str | None, QUESTION] = None
    context: Annotated[str | None, CONTEXT] = None
    inputs: Annotated[
        Question | list[Question] | None,
        Meta(description="several questions with their contexts, instead of question and context"),
    ] = None
    top_k: Annotated[int, Meta(ge=1, le=100, description="number of answers per question, best first")] = 1
    max_answer_length: Annotated[int, Meta(ge=1, description="maximum length of an answer in tokens")] = 15
    handle_impossible_answer: Annotated[
        bool, Meta(description="whether the empty answer is a candidate, with the score for no answer")
    ] = False
    align_to_words: Annotated[bool, Meta(description="whether to extend answers to whole words")] = True
    stride: Annotated[
        int, Meta(ge=0, description="overlap of the windows of a long context in tokens, at most half a window")
    ] = 128


class QuestionAnswering(HeadTask[QuestionAnsweringRequest]):
    """Extractive question answering, as the pipeline of transformers 5.2, the last version that had one."""

    name = "question-answering"
    request = QuestionAnsweringRequest
    requires = "span"
    truncation = "windows"
    needs_offsets = True

    def questions(self, request: QuestionAnsweringRequest) -> list[Question]:
        """All of them."""
        if request.inputs is not None and request.question is None and request.context is None:
            return [request.inputs] if isinstance(request.inputs, Question) else request.inputs
        if request.inputs is None and request.question is not None and request.context is not None:
            return [Question(request.question, request.context)]
        raise Invalid('send either "question" and "context", or "inputs" as a list of {"question", "context"}')

    def texts(self, request: QuestionAnsweringRequest) -> list[Text]:
        """Pairs of question and context."""
        return [(each.question, each.context) for each in self.questions(request)]

    def overlap(self, request: QuestionAnsweringRequest) -> int:
        """See `Task.overlap`."""
        return request.stride

    def reading(self, request: QuestionAnsweringRequest) -> Reading:
        """See `Task.reading`."""
        return self.head.token_scores

    def answer(
        self,
        request: QuestionAnsweringRequest,
        encodings: Sequence[Sequence[Encoding]],
        outputs: Sequence[Sequence[Output]],
    ) -> Any:
        """Answers with score, start and end in the context; for a list of questions a list for each."""
        found = [
            self.answers(request, each.context, windows, states)
            for each, windows, states in zip(self.questions(request), encodings, outputs, strict=True)
        ]
        return found if isinstance(request.inputs, list) else found[0]

    def answers(
        self, request: QuestionAnsweringRequest, context: str, windows: Sequence[Encoding], states: Sequence[Output]
    ) -> list[spans.Answer]:
        """The best spans of all windows; equal answers are one, with the sum of their scores."""
        wanted = spans.Wanted(
            2 * request.top_k + 10 if request.align_to_words else request.top_k, request.max_answer_length
        )
        found: dict[str, spans.Answer] = {}
        nothing = spans.IMPOSSIBLE
        if len(windows[0].text_ranges) < 2:
            raise Invalid(
                "the question or its context holds nothing that the model reads, such as only control characters"
            )
        for window, state in zip(windows, states, strict=True):
            scores = spans.Scored.of(self.head.token_scores.of([state]), window)
            nothing = min(nothing, scores.null_score)
            for first, last, score in scores.best(wanted):
                start, end = spans.characters(window, first, last, request.align_to_words)
                answer: spans.Answer = {"answer": context[start:end], "score": 0.0, "start": start, "end": end}
                found.setdefault(answer["answer"].lower(), answer)["score"] += score
        answers = list(found.values())
        if request.handle_impossible_answer:
            answers.append({"answer": "", "score": nothing, "start": 0, "end": 0})
        return sorted(answers, key=lambda answer: -answer["score"])[: request.top_k]
