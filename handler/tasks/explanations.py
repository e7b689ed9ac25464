"""`explanations`: which tokens of a text an answer rests on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isqrt
from typing import Annotated, Any

from msgspec import Meta
from torch import Tensor

from handler.device import Reading
from handler.errors import Invalid, TooLarge, unknown
from handler.explanation import AnyExplainer
from handler.model import LoadedModel
from handler.tasks.base import Task, TextRequest
from handler.tasks.inputs import TextsOrPairs, texts_of
from handler.types import Encoding, Output, Text

SHARE = 0.1
"""Of a batch's time, for one request: its neighbours wait for it."""
BYTES = 12  # of a number in JSON
KEPT_BYTES = 2 << 30
"""Of attention weights, which all layers keep for the gradient: 4 for each pair of tokens of each map. So a text of 512
tokens is explained by every model of up to 2,000 maps, and one of 1,400 by one of 264, as ModernBERT-base has."""
LENGTH = "length of the mean state"
"""What is explained without a head."""


class ExplanationsRequest(TextRequest, frozen=True, kw_only=True):
    """Body of `explanations`."""

    inputs: TextsOrPairs
    target: Annotated[
        str | None, Meta(description="label to explain; default: the predicted label of each text", examples=["good"])
    ] = None
    steps: Annotated[
        int, Meta(ge=1, le=512, description="integration steps; more take longer and reduce the convergence delta")
    ] = 32
    attention: Annotated[bool, Meta(description="whether to include the attention weights in the response")] = False


class Explanations(Task[ExplanationsRequest]):
    """Token attributions by integrated gradients, to a label's score or, without labels, the mean state's norm."""

    name = "explanations"
    request = ExplanationsRequest
    takes_pairs = True
    needs_offsets = True
    requires = "gradients"

    def __init__(self, model: LoadedModel) -> None:
        super().__init__(model)
        head = model.head
        self.head = head if head is not None and head.description.kind == "sequence" else None

    def texts(self, request: ExplanationsRequest) -> list[Text]:
        """Texts and pairs."""
        return texts_of(request.inputs)

    def reading(self, request: ExplanationsRequest) -> Reading | None:
        """The label that is explained, where the request names none."""
        return self.head.sequence_scores if self.head else None

    def answer(
        self,
        request: ExplanationsRequest,
        encodings: Sequence[Sequence[Encoding]],
        outputs: Sequence[Sequence[Output]],
    ) -> list[list[dict[str, Any]]]:
        """Each window of each text by itself, for as long as one request may take."""
        assert self.model.explain is not None
        explainer, check = self.model.explain(), self.model.deadline.sub_deadline(SHARE)
        self.check_memory(explainer.maps, encodings)
        if request.attention:
            self.check_attention_size(explainer.maps, encodings)
        return [
            [self.explained(request, *window, explainer, check) for window in zip(windows, states, strict=True)]
            for windows, states in zip(encodings, outputs, strict=True)
        ]

    def check_memory(self, maps: int, encodings: Sequence[Sequence[Encoding]]) -> None:
        """Refuse a text whose gradient would take more memory than a worker can be expected to have."""
        tokens = max(len(window) for windows in encodings for window in windows)
        if (size := 4 * maps * tokens**2) > KEPT_BYTES:
            most = isqrt(KEPT_BYTES // (4 * maps))
            raise TooLarge(
                f"an explanation of {tokens} tokens keeps {size} bytes of {maps} attention maps, the limit is "
                f"{KEPT_BYTES}, that is {most} tokens; send a shorter text, or pack with "
                f"a handler.max_length of at most {most}"
            )

    def check_attention_size(self, maps: int, encodings: Sequence[Sequence[Encoding]]) -> None:
        """Refuse attention weights that would be too large an answer, before they are computed."""
        size = BYTES * maps * sum(len(window) ** 2 for windows in encodings for window in windows)
        limit = self.model.config.max_response_bytes
        if size > limit:
            raise TooLarge(
                f"{maps} attention maps of these texts make about {size} bytes, the limit is {limit}; "
                "send fewer or shorter texts, or raise handler.max_response_bytes"
            )

    def explained(
        self,
        request: ExplanationsRequest,
        window: Encoding,
        output: Output,
        explainer: AnyExplainer,
        check: Callable[[], None],
    ) -> dict[str, Any]:
        """One window's tokens, their attributions, and what they add up to."""
        tokenizer = self.model.tokenizer
        target = self.target(request.target, output)
        found = explainer.explain(
            window, self.score(target), tokenizer.padding, request.steps, request.attention, check
        )
        answer = {
            "tokens": [tokenizer.name(id) for id in window.ids],
            "offsets": window.offsets,
            "target": LENGTH if target is None else self.labels[target],
            "score": found.score,
            "baseline": found.baseline,
            "attributions": found.attributions,
            "convergence_delta": found.convergence_delta,
            "rest": found.convergence_delta,  # its older name
        }
        return answer | ({} if found.attention is None else {"attention": found.attention})

    @property
    def labels(self) -> list[str]:
        """Of the head; none without one."""
        return self.head.description.labels if self.head else []

    def target(self, wanted: str | None, output: Output) -> int | None:
        """Number of the label that is explained; None for the embedding."""
        if self.head is None and wanted is not None:
            raise Invalid('"target" is for heads with labels, and this archive has none; leave it out')
        if wanted is not None and wanted not in self.labels:
            raise Invalid(unknown("target", wanted, self.labels))
        if self.head is None:
            return None
        return int(self.head.sequence_scores.of([output]).argmax()) if wanted is None else self.labels.index(wanted)

    def score(self, target: int | None) -> Any:
        """What is explained: a label's score before any function, or the length of the mean of all states."""
        if target is None:
            return lambda states, pooled: states.mean(1).norm(dim=-1)
        return lambda states, pooled: self.logits(states, pooled)[:, target]

    def logits(self, states: Tensor, pooled: Tensor | None) -> Tensor:
        """`(sequences, labels)`."""
        assert self.head is not None
        reads = self.head.description.reads
        if reads == "pooler" and pooled is not None:
            return self.head.chain(pooled)
        if reads == "all":
            return self.head.chain(states).mean(1)
        return self.head.chain(states.mean(1) if reads == "mean" else states[:, 0])
