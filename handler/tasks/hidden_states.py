"""`hidden-states`: the last hidden state of every token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handler.errors import TooLarge
from handler.tasks.base import Task, TextRequest
from handler.tasks.inputs import Inputs, texts_of
from handler.types import Encoding, Output, Text

WIDTHS: dict[bool, tuple[type[np.floating[Any]], int]] = {False: (np.float32, 12), True: (np.float64, 20)}
"""Type of the numbers and their bytes in JSON, comma included. Only digits of exact outputs are worth a double's."""


class HiddenStatesRequest(TextRequest, frozen=True, kw_only=True):
    """Body of `hidden-states`."""

    inputs: Inputs


class HiddenStates(Task[HiddenStatesRequest]):
    """The last hidden state of each token, special tokens included: texts x tokens x hidden size."""

    name = "hidden-states"
    requires = "states"
    request = HiddenStatesRequest
    numeric = True

    def texts(self, request: HiddenStatesRequest) -> list[Text]:
        """The inputs."""
        return texts_of(request.inputs)

    def check_size(self, tokens: int, binary: bool) -> None:
        """See `Task.check_size`."""
        size = tokens * self.model.hidden_size * (4 if binary else WIDTHS[self.model.exact][1])
        limit = self.model.config.max_response_bytes
        if size > limit:
            raise TooLarge(
                f"{tokens} tokens x {self.model.hidden_size} make about {size} bytes, the limit is {limit}; "
                "send fewer texts, ask for application/octet-stream or raise handler.max_response_bytes"
            )

    def answer(
        self,
        request: HiddenStatesRequest,
        encodings: Sequence[Sequence[Encoding]],
        outputs: Sequence[Sequence[Output]],
    ) -> list[NDArray[np.floating[Any]]]:
        """`(tokens, hidden)` per text; of an exact runtime as the doubles of `tolist()`, to be compared with `==`.

        Windows follow one another; special tokens between them are left out, so that rows match the text's tokens.
        Each array is a copy: the states of equal texts are the same, and may be kept for other requests.
        """
        kind, _ = WIDTHS[self.model.exact]
        pairs = zip(encodings, outputs, strict=True)
        return [joined(text, windows).astype(kind) for text, windows in pairs]


def joined(encodings: Sequence[Encoding], outputs: Sequence[Output]) -> NDArray[np.float32]:
    """Rows of all windows: special tokens only at the very start and the very end."""
    if len(outputs) == 1:
        return outputs[0].hidden
    last = len(outputs) - 1
    own = [encoding.own_tokens(number == 0, number == last) for number, encoding in enumerate(encodings)]
    return np.concatenate([output.hidden[each.start : each.stop] for each, output in zip(own, outputs, strict=True)])
