"""`multi-vector`: a vector per token, for search by late interaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from handler.errors import TooLarge
from handler.late_interaction import LateInteraction
from handler.model import LoadedModel
from handler.tasks import prompts
from handler.tasks.base import Task, TextRequest
from handler.tasks.embedding import FORMATS, Format
from handler.tasks.inputs import Inputs, texts_of
from handler.types import Encoding, Output, Side, Text

BYTES = {False: 12, True: 4}
"""Of a number, in JSON with its comma and in binary."""


class MultiVectorRequest(TextRequest, frozen=True, kw_only=True):
    """Body of `multi-vector`."""

    inputs: Inputs
    input_type: Annotated[
        Side, Meta(description="query or document: which marker, length and expansion the texts get")
    ] = "document"
    encoding_format: Format = "float"


class MultiVector(Task[MultiVectorRequest]):
    """A vector for each token of a text, to be compared by MaxSim, as sentence-transformers computes them (ColBERT)."""

    name = "multi-vector"
    request = MultiVectorRequest
    numeric = True
    requires = "multi-vector"

    def __init__(self, model: LoadedModel) -> None:
        super().__init__(model)
        assert model.late_interaction is not None
        self.interaction: LateInteraction = model.late_interaction

    def texts(self, request: MultiVectorRequest) -> list[Text]:
        """The inputs, with the archive's prompt for their side, which holds its marker."""
        prompt = prompts.for_input_type(self.model.config, request.input_type)
        return prompts.prepend(prompt, texts_of(request.inputs))

    def fit(self, request: MultiVectorRequest, index: int, windows: list[Encoding], policy: str) -> list[Encoding]:
        """See `Task.fit`."""
        return self.interaction.fit(request.input_type, windows, policy)

    def reading(self, request: MultiVectorRequest) -> Any:
        """See `Task.reading`."""
        return self.interaction.reading

    def check_size(self, tokens: int, binary: bool) -> None:
        """See `Task.check_size`."""
        size = tokens * self.model.token_dimensions * BYTES[binary]
        limit = self.model.config.max_response_bytes
        if size > limit:
            raise TooLarge(
                f"{tokens} tokens x {self.model.token_dimensions} make about {size} bytes, the limit is {limit}; "
                "send fewer texts, ask for application/octet-stream or raise handler.max_response_bytes"
            )

    def answer(
        self,
        request: MultiVectorRequest,
        encodings: Sequence[Sequence[Encoding]],
        outputs: Sequence[Sequence[Output]],
    ) -> list[NDArray[Any] | list[str]]:
        """`(vectors, dimensions)` float32 or int8 per text, or a base64 string per vector."""
        sides: list[Side] = [request.input_type] * len(outputs)
        found = self.interaction.vectors(sides, encodings, outputs)
        return [FORMATS[request.encoding_format](np.ascontiguousarray(text)) for text in found]
