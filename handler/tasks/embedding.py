"""`embedding`: one vector per text."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from handler import poolings
from handler.config import Pooling
from handler.device import Reading
from handler.errors import Invalid, quote
from handler.tasks import prompts
from handler.tasks.base import Task, TextRequest
from handler.tasks.inputs import Inputs, is_ids, texts_of
from handler.tasks.vectors import Vectors, distinct, l2_normalize, vectors
from handler.types import Encoding, Output, Side, Text

Signed = NDArray[np.int8]
Format = Annotated[
    Literal["float", "base64", "int8", "binary"],
    Meta(description="float; base64: little-endian float32; int8: quantized; binary: signs, eight per signed byte"),
]


class EmbeddingRequest(TextRequest, frozen=True, kw_only=True):
    """Body of `embedding`."""

    inputs: Inputs
    prompt_name: Annotated[
        str | None,
        Meta(
            description="name of the archive's prompt to prepend to each text; default: the archive's", examples=[None]
        ),
    ] = None
    prompt: Annotated[str | None, Meta(description="text to prepend to each text", examples=["query: "])] = None
    input_type: Annotated[
        Side | None,
        Meta(
            description="query or document: prepend the archive's prompt for that side, and apply the layers of that "
            "side, if it has any; default: the archive's",
            examples=[None],
        ),
    ] = None
    pooling: Annotated[
        Pooling | None,
        Meta(
            description="pooling method: mean, cls, max, pooler, mean_sqrt_len_tokens, weightedmean, "
            "lasttoken, or a list of them to concatenate; default: the archive's"
        ),
    ] = None
    normalize: Annotated[bool | None, Meta(description="L2-normalize the vectors; default: the archive's")] = None
    dimensions: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(description="truncate the vectors to the first n dimensions, before normalization", examples=[256]),
    ] = None
    encoding_format: Format = "float"


class Embedding(Task[EmbeddingRequest]):
    """Embedding vectors, as sentence-transformers computes them for the same checkpoint."""

    name = "embedding"
    requires = "states"
    request: ClassVar[type[TextRequest]] = EmbeddingRequest
    numeric = True

    def texts(self, request: EmbeddingRequest) -> list[Text]:
        """The inputs, with the prompt before each text."""
        texts = texts_of(request.inputs)
        asked = [key for key in ("prompt", "prompt_name", "input_type") if getattr(request, key) is not None]
        if len(asked) > 1:
            raise Invalid(f"{' and '.join(map(quote, asked))} name more than one prompt; send one of them")
        if asked and any(isinstance(text, list) for text in texts):
            raise Invalid(f"{quote(asked[0])} puts words before texts, not before token ids; put its ids before yours")
        return prompts.prepend(self.prompt(request), texts)

    def prompt(self, request: EmbeddingRequest) -> str:
        """The one that the request asks for, or the archive's default."""
        if request.input_type is not None:
            return prompts.for_input_type(self.model.config, request.input_type)
        return prompts.named(self.model.config, request.prompt_name) if request.prompt is None else request.prompt

    def fit(self, request: EmbeddingRequest, index: int, windows: list[Encoding], policy: str) -> list[Encoding]:
        """See `Task.fit`; ids have no prompt before them."""
        if is_ids(request.inputs, index):
            return windows
        return prompts.unpooled(self.model, self.prompt(request), windows)

    def reading(self, request: EmbeddingRequest) -> Reading:
        """See `Task.reading`."""
        return poolings.find(request.pooling or self.model.config.pooling)

    def answer(
        self, request: EmbeddingRequest, encodings: Sequence[Sequence[Encoding]], outputs: Sequence[Sequence[Output]]
    ) -> Any:
        """`(texts, dimensions)` float32 or int8, or one base64 string per text; of equal texts it is made once."""
        different, places = distinct(outputs)
        found = self.finished(request, vectors(self.model, different, request.pooling, request.input_type))
        made = FORMATS[request.encoding_format](found)
        return made[places] if isinstance(made, np.ndarray) else [made[place] for place in places]

    def finished(self, request: EmbeddingRequest, found: Vectors) -> Vectors:
        """As long and as many dimensions as they are to be."""
        config = self.model.config
        if request.dimensions is not None:
            found = shortened(found, request.dimensions)
        if config.normalize if request.normalize is None else request.normalize:
            found = l2_normalize(found)
        if request.dimensions is None:  # sentence-transformers cuts to an archive's own dimensions at the very end
            found = np.ascontiguousarray(found[:, : config.dimensions])
        return found


def shortened(vectors: Vectors, dimensions: int) -> Vectors:
    """The first `dimensions` of each vector."""
    size = vectors.shape[1]
    if dimensions > size:
        raise Invalid(f'"dimensions" is {dimensions}, the model has {size}; ask for {size} or fewer')
    return np.ascontiguousarray(vectors[:, :dimensions])


def int8(vectors: Vectors) -> Signed:
    """Rounded after scaling each vector so that its largest component is 127: cosines are kept, lengths are not."""
    peaks = np.abs(vectors).max(axis=1, keepdims=True)
    scaled: Signed = np.rint(vectors * (127 / np.maximum(peaks, 1e-12))).astype(np.int8)
    return scaled


def binary(vectors: Vectors) -> Signed:
    """Sign bits, eight to a byte, shifted by 128 to signed, as sentence-transformers' `quantize_embeddings` does."""
    packed: Signed = (np.packbits(vectors > 0, axis=1).astype(np.int16) - 128).astype(np.int8)
    return packed


def base64(vectors: Vectors) -> list[str]:
    """Little-endian float32, the form OpenAI's clients decode."""
    return [b64encode(row.tobytes()).decode() for row in vectors.astype("<f4")]


FORMATS = {
    "float": lambda vectors: vectors,
    "base64": base64,
    "int8": int8,
    "binary": binary,
}
