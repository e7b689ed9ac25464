"""Bodies of text-embeddings-inference's routes.

Schema: https://huggingface.github.io/text-embeddings-inference/openapi.json
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from handler.config import Truncation
from handler.types import Side

Texts = Annotated[str | list[str], Meta(description="one text or a list", examples=["Hello, how are you?"])]
TextsOrIds = Annotated[
    str | list[str | int | list[int]], Meta(description="texts or token ids", examples=["Hello, how are you?"])
]


class TruncationOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What is done to a text longer than the model."""

    truncate: Annotated[bool | None, Meta(description="whether a longer text is truncated; default true")] = None
    truncation_direction: Literal["left", "Left", "right", "Right"] = "Right"

    @property
    def policy(self) -> Truncation:
        """In this project's words."""
        if self.truncate is False:
            return "error"
        return "left" if self.truncation_direction.lower() == "left" else "right"


class Promptless(TruncationOptions, frozen=True, kw_only=True):
    """Of routes that have prompts in TEI; here `embed` and `embed_sparse` alone have them."""

    prompt_name: Annotated[None, Meta(description="must be null; this route has no prompts")] = None


class Embed(TruncationOptions, frozen=True, kw_only=True):
    """Body of `embed`."""

    inputs: TextsOrIds
    prompt_name: Annotated[str | None, Meta(description="which of the archive's prompts")] = None
    normalize: bool = True
    dimensions: Annotated[int, Meta(ge=1)] | None = None


class EmbedAll(Promptless, frozen=True, kw_only=True):
    """Body of `embed_all`."""

    inputs: TextsOrIds


class EmbedSparse(TruncationOptions, frozen=True, kw_only=True):
    """Body of `embed_sparse`."""

    inputs: TextsOrIds
    prompt_name: Annotated[
        Side | None,
        Meta(description="query or document: the archive's prompt for that side, and its table of weights for queries"),
    ] = None


class Predict(TruncationOptions, frozen=True, kw_only=True):
    """Body of `predict`: a text, a pair as a list of two, or a list of such lists."""

    inputs: Annotated[
        str | list[str | list[str]],
        Meta(description="a text; a pair as a list of two; or a list of lists of one or two", examples=[["a", "b"]]),
    ]
    raw_scores: bool = False


class RerankBody(TruncationOptions, frozen=True, kw_only=True):
    """Body of `rerank`."""

    query: Annotated[str, Meta(examples=["Where does Ada live?"])]
    texts: Annotated[list[str], Meta(examples=[["Ada lives in London.", "It rains."]])]
    raw_scores: bool = False
    return_text: bool = False


class SimilarityInputs(msgspec.Struct, frozen=True, kw_only=True):
    """The texts of `similarity`."""

    source_sentence: Annotated[str, Meta(examples=["a cat"])]
    sentences: Annotated[list[str], Meta(examples=[["a kitten", "a car"]])]


class SimilarityBody(msgspec.Struct, frozen=True, kw_only=True):
    """Body of `similarity`."""

    inputs: SimilarityInputs
    parameters: Promptless = Promptless()


class TokenizeBody(msgspec.Struct, frozen=True, kw_only=True):
    """Body of `tokenize`."""

    inputs: Texts
    add_special_tokens: bool = True
    prompt_name: None = None


class DecodeBody(msgspec.Struct, frozen=True, kw_only=True):
    """Body of `decode`."""

    ids: Annotated[list[int | list[int]], Meta(examples=[[101, 7592, 102]])]
    skip_special_tokens: bool = True
