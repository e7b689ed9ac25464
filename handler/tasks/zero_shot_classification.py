"""`zero-shot-classification`: labels of a request's own choice, by an NLI head."""

from __future__ import annotations

from collections.abc import Sequence
from string import Formatter
from typing import Annotated

from msgspec import Meta

from handler.device import Reading
from handler.errors import Empty, Invalid
from handler.head import Scores, entailment, softmax
from handler.limits import check_count, numbered
from handler.tasks.base import HeadTask, TextRequest
from handler.tasks.inputs import as_list
from handler.tasks.text_classification import Labelled, averaged, best
from handler.types import Encoding, Output, Text

PLACES = ("", "0")
"""What braces of a template hold where the label goes, as `str.format` has it, without its attributes and widths."""


class ZeroShotClassificationRequest(TextRequest, frozen=True, kw_only=True):
    """Body of `zero-shot-classification`."""

    inputs: Annotated[str | list[str], Meta(description="one text, or a list of texts", examples=["I like the food."])]
    candidate_labels: Annotated[
        str | list[str],
        Meta(description="labels to choose from; one text has several between commas", examples=[["food", "travel"]]),
    ]
    hypothesis_template: Annotated[
        str,
        Meta(description="sentence that a label makes in the place of {}; the model says whether a text entails it"),
    ] = "This example is {}."
    multi_label: Annotated[bool, Meta(description="score each label alone; else the scores of a text add up to 1")] = (
        False
    )


class ZeroShotClassification(HeadTask[ZeroShotClassificationRequest]):
    """Labels that the request names, each with a score, best first, as transformers' pipeline computes them.

    The windows of a long text hold the whole sentence of a label; their logits are averaged, weighted by their tokens.
    """

    name = "zero-shot-classification"
    request = ZeroShotClassificationRequest
    requires = "entailment"
    pairs = "only_first"

    def texts(self, request: ZeroShotClassificationRequest) -> list[Text]:
        """A pair of each text and each label's sentence."""
        texts, labels = as_list(request.inputs), labels_of(request)
        check_count(len(texts) * len(labels), self.model.config)
        sentences = [sentence(request.hypothesis_template, label) for label in labels]
        return [(text, sentence) for text in texts for sentence in sentences]

    def place(self, request: ZeroShotClassificationRequest, index: int, total: int) -> str:
        """See `Task.place`."""
        labels = len(labels_of(request))
        return numbered(index // labels, total // labels)

    def reading(self, request: ZeroShotClassificationRequest) -> Reading:
        """See `Task.reading`."""
        return self.head.sequence_scores

    def answer(
        self,
        request: ZeroShotClassificationRequest,
        encodings: Sequence[Sequence[Encoding]],
        outputs: Sequence[Sequence[Output]],
    ) -> list[list[Labelled]]:
        """Per text the labels and their scores."""
        labels = labels_of(request)
        entailed = entailment(self.head.description.labels)
        assert entailed is not None  # the task requires it
        logits = averaged(self.head, outputs).reshape(-1, len(labels), self.head.size)
        alone = request.multi_label or len(labels) == 1
        return [best(row, labels, None) for row in (one_by_one if alone else together)(logits, entailed)]


def one_by_one(logits: Scores, entailed: int) -> Scores:
    """`(texts, labels)`: entailment against contradiction, of each label.

    Which of the logits is contradiction: `ZeroShotClassificationPipeline.postprocess` of transformers 5.23.
    """
    contradicted = -1 if entailed == 0 else 0
    return softmax(logits[..., [contradicted, entailed]])[..., 1]


def together(logits: Scores, entailed: int) -> Scores:
    """`(texts, labels)`: entailment, shared out among the labels."""
    return softmax(logits[..., entailed])


def labels_of(request: ZeroShotClassificationRequest) -> list[str]:
    """The labels.

    Raises:
        Empty: there is none, or one without any word.
        Invalid: the template has no place for them.
    """
    given = request.candidate_labels
    labels = [part.strip() for part in given.split(",") if part.strip()] if isinstance(given, str) else given
    if not labels or not all(label.strip() for label in labels):
        raise Empty('"candidate_labels" is empty or has an empty label; send at least one word for each')
    sentence(request.hypothesis_template, labels[0])
    return labels


def sentence(template: str, label: str) -> str:
    """What a label says of a text; `{{` and `}}` are braces.

    Raises:
        Invalid: the template has no place for the label, or another one.
    """
    try:
        parts = [*Formatter().parse(template)]
    except ValueError as error:
        raise Invalid(f'"hypothesis_template": {error}; a brace that is none for the label is written twice') from None
    places = [(field, conversion, width) for _, field, width, conversion in parts if field is not None]
    strange = [each for each in places if each[0] not in PLACES or each[1] or each[2]]
    if strange or not places:
        has = "has braces that hold something" if strange else "has no {} for the label"
        raise Invalid(f'"hypothesis_template" {has}; such as "This example is {{}}."')
    return "".join(text + (label if field is not None else "") for text, field, *_ in parts)
