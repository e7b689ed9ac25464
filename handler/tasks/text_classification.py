"""`text-classification`: labels of a text or a pair, each with a score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from msgspec import Meta

from handler.device import Reading
from handler.errors import Invalid
from handler.head import Function, Head, Scores
from handler.tasks.base import HeadTask, TextRequest
from handler.tasks.inputs import TextsOrPairs, texts_of
from handler.tasks.scores import of_windows, top_k_indices
from handler.types import Encoding, Output, Text

Labelled = dict[str, str | float]


class TextClassificationRequest(TextRequest, frozen=True, kw_only=True):
    """Body of `text-classification`."""

    inputs: TextsOrPairs
    text_pair: Annotated[str | None, Meta(description='second text of the pair, if "inputs" is one text')] = None
    top_k: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(description="number of best labels to return; default: all", examples=[3]),
    ] = None
    function_to_apply: Annotated[
        Function | None,
        Meta(
            description="activation of the scores: sigmoid, softmax or none; default: what the model was trained with"
        ),
    ] = None


class TextClassification(HeadTask[TextClassificationRequest]):
    """Labels of a text or pair with their scores, best first, as transformers' pipeline computes them.

    A cross-encoder with several labels that names an activation for them gives `CrossEncoder.predict`'s.
    """

    name = "text-classification"
    request = TextClassificationRequest
    takes_pairs = True
    requires = "sequence"

    def texts(self, request: TextClassificationRequest) -> list[Text]:
        """Texts and pairs."""
        if request.text_pair is None:
            return texts_of(request.inputs)
        if isinstance(request.inputs, str):
            return [(request.inputs, request.text_pair)]
        raise Invalid('"text_pair" belongs to one text; of several, send each pair as a list of two')

    def reading(self, request: TextClassificationRequest) -> Reading:
        """See `Task.reading`."""
        return self.head.sequence_scores

    def answer(
        self,
        request: TextClassificationRequest,
        encodings: Sequence[Sequence[Encoding]],
        outputs: Sequence[Sequence[Output]],
    ) -> list[list[Labelled]]:
        """Per text its labels and their scores."""
        description = self.head.description
        function = request.function_to_apply or description.function
        rows = self.head.activated(averaged(self.head, outputs), function)
        return [best(row, description.labels, request.top_k) for row in rows]


def averaged(head: Head, outputs: Sequence[Sequence[Output]]) -> Scores:
    """`(texts, scores)`; those of a long text's windows are averaged, weighted by their tokens."""
    scores, starts = of_windows(head, outputs)
    if len(scores) == len(starts):
        return scores
    weights = np.array([[len(window)] for windows in outputs for window in windows], dtype=np.float32)
    mean: Scores = (np.add.reduceat(scores * weights, starts) / np.add.reduceat(weights, starts)).astype(np.float32)
    return mean


def best(row: Scores, labels: Sequence[str], top_k: int | None) -> list[Labelled]:
    """Labels by falling score; equal ones in their own order."""
    return [{"label": labels[number], "score": row[number]} for number in top_k_indices(row, top_k)]
