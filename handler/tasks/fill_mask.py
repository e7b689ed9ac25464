"""`fill-mask`: the likeliest words for each mask of a text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from handler.device import tensor
from handler.errors import Invalid
from handler.head import Scores, softmax
from handler.tasks.base import TextRequest
from handler.tasks.inputs import as_list, texts_of
from handler.tasks.scores import top_k_indices
from handler.tasks.vocabulary import VocabularyTask
from handler.types import Encoding, Output, Text

Places = list[tuple[int, int]]


class FillMaskRequest(TextRequest, frozen=True, kw_only=True):
    """Body of `fill-mask`."""

    inputs: Annotated[
        str | list[str], Meta(description="one text or a list, each with a mask", examples=["Paris is in [MASK]."])
    ]
    top_k: Annotated[int, Meta(ge=1, le=1000, description="number of predictions per mask, best first")] = 5
    targets: Annotated[
        str | list[str] | None, Meta(description="restrict predictions to these words", examples=[["france", "spain"]])
    ] = None


class FillMask(VocabularyTask[FillMaskRequest]):
    """Predictions for masked tokens, as transformers' pipeline: a list per text, or one per mask if it has several."""

    name = "fill-mask"
    request = FillMaskRequest

    def texts(self, request: FillMaskRequest) -> list[Text]:
        """The inputs."""
        return texts_of(request.inputs)

    def answer(
        self, request: FillMaskRequest, encodings: Sequence[Sequence[Encoding]], outputs: Sequence[Sequence[Output]]
    ) -> list[Any]:
        """Per text a list of `score`, `token`, `token_str` and `sequence`; of lists, where it has several masks."""
        targets = self.targets(request.targets)
        masked = [self.masks(windows) for windows in encodings]
        if [] in masked:
            raise Invalid(f"text {masked.index([]) + 1} of {len(masked)} {self.missing_mask_message(request)}")
        rows = self.scored(
            tensor(windows[window])[position : position + 1]
            for windows, masks in zip(outputs, masked, strict=True)
            for window, position in masks
        )
        answers = []
        for windows, masks in zip(encodings, masked, strict=True):
            fills = [
                self.fills(
                    windows[window].ids, position, softmax(next(rows)[0]), request.top_k, targets, len(masks) == 1
                )
                for window, position in masks
            ]
            answers.append(fills[0] if len(fills) == 1 else fills)
        return answers

    def masks(self, windows: Sequence[Encoding]) -> Places:
        """Window and place of each mask."""
        wanted = self.model.tokenizer.mask
        return [
            (number, position)
            for number, window in enumerate(windows)
            for position, token in enumerate(window.ids)
            if token == wanted
        ]

    def missing_mask_message(self, request: FillMaskRequest) -> str:
        """What to do about a text without a mask."""
        mask = self.model.tokenizer.mask
        if mask is None:
            return "cannot have a mask: this tokenizer has none"
        return (
            f'has no {self.model.tokenizer.name(mask)}, or it was cut off; put one in, or set "truncation" to windows'
        )

    def targets(self, words: str | list[str] | None) -> NDArray[np.int64] | None:
        """Ids of words; of one that is not in the vocabulary its first token."""
        if words is None:
            return None
        tokenizer = self.model.tokenizer
        found = set()
        for word in as_list(words):
            id = tokenizer.backend.token_to_id(word)
            ids = [id] if id is not None else tokenizer.backend.encode(word, add_special_tokens=False).ids
            found.update(ids[:1])
        if not found:
            raise Invalid('"targets" holds no word; send at least one, or leave it out')
        return np.array(sorted(found))

    def fills(
        self,
        ids: list[int],
        position: int,
        scores: Scores,
        top_k: int,
        targets: NDArray[np.int64] | None,
        readable: bool,
    ) -> list[dict[str, Any]]:
        """The best words for one mask. Special tokens are shown where other masks would else be missing."""
        order = top_k_indices(scores, top_k) if targets is None else targets[top_k_indices(scores[targets], top_k)]
        decode = self.model.tokenizer.backend.decode
        return [
            {
                "score": scores[token],
                "token": int(token),
                "token_str": decode([int(token)], skip_special_tokens=False),
                "sequence": decode([*ids[:position], int(token), *ids[position + 1 :]], skip_special_tokens=readable),
            }
            for token in order
        ]
