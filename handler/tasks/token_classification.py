"""`token-classification`: labels of tokens, or of the entities they make, and where these stand in the text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from msgspec import Meta

from handler.device import Reading
from handler.head import Scores, softmax
from handler.tasks.base import HeadTask, TextRequest
from handler.tasks.entities import Token, by_word, entities
from handler.tasks.inputs import texts_of
from handler.types import Encoding, Output, Text

Strategy = Literal["none", "simple", "first", "average", "max"]


class TokenClassificationRequest(TextRequest, frozen=True, kw_only=True):
    """Body of `token-classification`."""

    inputs: Annotated[
        str | list[str], Meta(description="one text or a list", examples=["Ada Lovelace lived in London."])
    ]
    aggregation_strategy: Annotated[
        Strategy,
        Meta(
            description="none: tokens; simple: neighbouring tokens of one label together; first, average, max: words, "
            "labelled by their first token, their tokens' mean, or their highest-scoring token, and then joined"
        ),
    ] = "simple"
    ignore_labels: Annotated[
        tuple[str, ...], Meta(description="labels to leave out of the response", examples=[["O"]])
    ] = ("O",)
    stride: Annotated[
        int, Meta(ge=0, description="overlap of the windows of a long text in tokens, at most half a window")
    ] = 64


class TokenClassification(HeadTask[TokenClassificationRequest]):
    """Labelled tokens or entities of a text, as transformers' pipeline finds them.

    A token of several windows has the scores of the one that sees most on both sides of it.
    """

    name = "token-classification"
    request = TokenClassificationRequest
    needs_offsets = True
    requires = "tokens"
    truncation = "windows"

    def texts(self, request: TokenClassificationRequest) -> list[Text]:
        """The inputs."""
        return texts_of(request.inputs)

    def overlap(self, request: TokenClassificationRequest) -> int:
        """See `Task.overlap`."""
        return request.stride

    def reading(self, request: TokenClassificationRequest) -> Reading:
        """See `Task.reading`."""
        return self.head.token_scores

    def answer(
        self,
        request: TokenClassificationRequest,
        encodings: Sequence[Sequence[Encoding]],
        outputs: Sequence[Sequence[Output]],
    ) -> list[list[dict[str, Any]]]:
        """Per text its tokens (`entity`, `index`) or entities (`entity_group`), with score, word, start and end."""
        scores = softmax(self.head.token_scores.of([window for windows in outputs for window in windows]))
        answers, done = [], 0
        for text, windows in zip(texts_of(request.inputs), encodings, strict=True):
            size = sum(map(len, windows))
            tokens = self.tokens(str(text), windows, scores[done : done + size])
            answers.append(self.labelled(tokens, request))
            done += size
        return answers

    def tokens(self, text: str, windows: Sequence[Encoding], scores: Scores) -> list[Token]:
        """Each token of the text once."""
        kept: dict[int, tuple[int, Encoding, int, int]] = {}
        row = 0
        for window in windows:
            for body in window.text_ranges:
                for position in body:
                    number = window.token_offset + position - body.start
                    context = min(position - body.start, body.stop - 1 - position)
                    if number not in kept or context > kept[number][0]:
                        kept[number] = context, window, position, row + position
            row += len(window)
        return [
            self.token(text, window, position, number, scores[row])
            for number, (_, window, position, row) in sorted(kept.items())
        ]

    def token(self, text: str, window: Encoding, position: int, number: int, scores: Scores) -> Token:
        """One token; `index` counts the special token before the text, as transformers does."""
        tokenizer = self.model.tokenizer
        start, stop = window.offsets[position]
        inside = tokenizer.is_subword(window.ids[position], text, start, stop)
        shown = text[start:stop] if window.ids[position] == tokenizer.unknown else tokenizer.name(window.ids[position])
        return Token(number + len(tokenizer.prefix), shown, start, stop, inside, scores)

    def labelled(self, tokens: Sequence[Token], request: TokenClassificationRequest) -> list[dict[str, Any]]:
        """Tokens, or what they add up to, without the labels that are left out."""
        labels, join = self.head.description.labels, self.model.tokenizer.join
        strategy = request.aggregation_strategy
        named = by_word(tokens, strategy, labels, join)
        found = named if strategy == "none" else entities(named, join)
        key = "entity" if strategy == "none" else "entity_group"
        return [item for item in found if item[key] not in request.ignore_labels]
