"""`word-vectors`: the model's table of words, as Word2Vec and GloVe have one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import islice
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta

from handler.errors import Invalid, TooLarge
from handler.tasks.base import Task, TextRequest
from handler.tasks.inputs import as_list
from handler.tasks.neighbours import EmbeddingIndex, Ranking
from handler.tasks.vectors import Vectors, l2_normalize
from handler.types import Encoding, Output, Text

BYTES, NEIGHBOUR_BYTES = 12, 70  # of a number and of a neighbour in JSON
EPSILON = 1e-6
"""Length below which a sum of unit vectors is rounding."""


class Expression(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Words that are added and words that are taken away."""

    positive: Annotated[str | list[str], Meta(description="words to add", examples=[["king", "woman"]])] = []
    negative: Annotated[str | list[str], Meta(description="words to subtract", examples=[["man"]])] = []


class WordVectorsRequest(TextRequest, frozen=True, kw_only=True):
    """Body of `word-vectors`."""

    inputs: Annotated[
        str | Expression | list[str | Expression],
        Meta(
            description='a word, an expression {"positive", "negative"}, or a list of them',
            examples=[["king", {"positive": ["king", "woman"], "negative": ["man"]}]],
        ),
    ]
    vectors: Annotated[bool, Meta(description="whether to include the vectors in the response")] = True
    cosines: Annotated[bool, Meta(description="whether to include the cosines between all inputs")] = False
    top_k: Annotated[
        int, Meta(ge=0, le=1000, description="number of nearest words of the vocabulary to return, best first")
    ] = 0


class WordVectors(Task[WordVectorsRequest]):
    """Static word embeddings, their cosines and nearest neighbours; expressions as in gensim's `most_similar`.

    The model does not run. A word of several pieces is the mean of their rows.
    """

    name = "word-vectors"
    request = WordVectorsRequest
    truncates = False
    forward = False

    @cached_property
    def vocabulary(self) -> EmbeddingIndex:
        """Kept from the first request on."""
        return EmbeddingIndex(self.model.word_embeddings(), self.model.tokenizer)

    def texts(self, request: WordVectorsRequest) -> list[Text]:
        """The words of all inputs, as they stand inside a sentence: byte-level vocabularies write that space."""
        items = [weighted_words(given) for given in expressions(request)]
        for number, item in enumerate(items, 1):
            if not item:
                raise Invalid(f'input {number} of {len(items)} has no words; send "positive" or "negative"')
        return [f" {word.strip()}" for item in items for word, _ in item]

    def answer(
        self, request: WordVectorsRequest, encodings: Sequence[Sequence[Encoding]], outputs: Sequence[Sequence[Output]]
    ) -> list[dict[str, Any]]:
        """Per input its tokens, and what was asked for."""
        inputs = expressions(request)
        self.check_answer_size(request, len(inputs))
        ids = iter([self.ids(windows, number, len(encodings)) for number, windows in enumerate(encodings, 1)])
        pieces = [list(islice(ids, len(weighted_words(given)))) for given in inputs]
        vectors = np.stack(
            [self.vector(*item, number) for number, item in enumerate(zip(inputs, pieces, strict=True), 1)]
        )
        own = [[id for word in words for id in word] for words in pieces]
        answers: list[dict[str, Any]] = [{"tokens": [self.model.tokenizer.name(id) for id in found]} for found in own]
        units = l2_normalize(vectors)
        for key, wanted, values in (
            ("vector", request.vectors, lambda: vectors),
            ("cosines", request.cosines, lambda: units @ units.T),
            ("neighbours", request.top_k, lambda: self.neighbours(units, own, request.top_k)),
        ):
            for answer, value in zip(answers, values() if wanted else [], strict=bool(wanted)):
                answer[key] = value
        return answers

    def check_answer_size(self, request: WordVectorsRequest, count: int) -> None:
        """Refuse what would be too large an answer, before it is computed."""
        numbers = self.model.hidden_size * request.vectors + count * request.cosines
        size = count * (BYTES * numbers + NEIGHBOUR_BYTES * request.top_k)
        limit = self.model.config.max_response_bytes
        if size > limit:
            raise TooLarge(
                f"the answer to {count} inputs would have about {size} bytes, the limit is {limit}; "
                'send fewer inputs, a smaller "top_k" or "vectors": false, or raise handler.max_response_bytes'
            )

    def ids(self, windows: Sequence[Encoding], number: int, total: int) -> list[int]:
        """The tokens of a word, without those the tokenizer adds."""
        found = [id for window in windows for body in window.text_ranges for id in window.ids[body.start : body.stop]]
        if not found:
            raise Invalid(
                f"word {number} of {total} holds nothing that the model reads, such as only control characters"
            )
        if set(found) == {self.model.tokenizer.unknown}:
            raise Invalid(f"word {number} of {total} is not in the vocabulary, nor are pieces of it")
        return found

    def vector(self, given: str | Expression, pieces: list[list[int]], number: int) -> Vectors:
        """`(hidden,)`: a word's rows as they are; an expression's sum of unit vectors, scaled to length 1."""
        words = [self.vocabulary.mean(ids) for ids in pieces]
        if isinstance(given, str):
            return words[0]
        signs = np.array([sign for _, sign in weighted_words(given)], dtype=np.float32)
        total: Vectors = (signs[:, None] * l2_normalize(np.stack(words))).sum(axis=0)
        if np.linalg.norm(total) < EPSILON:
            raise Invalid(f"the words of input {number} cancel out: what is left has no direction")
        return l2_normalize(total)

    def neighbours(self, units: Vectors, own: Sequence[Sequence[int]], top_k: int) -> list[list[dict[str, Any]]]:
        """Words of the vocabulary by cosine, without the input's own."""
        found = self.vocabulary.nearest(units, [set(ids) for ids in own], top_k, self.model.deadline.check)
        return [self.with_names(ranking) for ranking in found]

    def with_names(self, ranking: Ranking) -> list[dict[str, Any]]:
        """With the tokens' names."""
        name = self.model.tokenizer.name
        return [{"token": name(id), "id": id, "score": np.float32(score)} for id, score in ranking]


def expressions(request: WordVectorsRequest) -> list[str | Expression]:
    """The inputs; one is a list of one."""
    found: list[str | Expression] = as_list(request.inputs)
    return found


def weighted_words(given: str | Expression) -> list[tuple[str, int]]:
    """Words, with -1 where they are taken away."""
    if isinstance(given, str):
        return [(given, 1)]
    return [(word, 1) for word in as_list(given.positive)] + [(word, -1) for word in as_list(given.negative)]
