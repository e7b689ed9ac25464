"""`hybrid-embedding`: a vector per text, weights of its words and a vector per token, of one pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal

from msgspec import Meta

from handler.errors import TooLarge
from handler.tasks import prompts
from handler.tasks.base import Task, TextRequest
from handler.tasks.inputs import Inputs, is_ids, texts_of
from handler.tasks.sparse_embedding import listed
from handler.tasks.vectors import l2_normalize, vectors
from handler.types import Encoding, Output, Text

Kind = Literal["dense", "sparse", "multi_vector"]


class HybridEmbeddingRequest(TextRequest, frozen=True, kw_only=True):
    """Body of `hybrid-embedding`."""

    inputs: Inputs
    outputs: Annotated[
        Annotated[list[Kind], Meta(min_length=1)] | None,
        Meta(description="which to return: dense, sparse, multi_vector; default: all", examples=[["dense", "sparse"]]),
    ] = None


class HybridEmbedding(Task[HybridEmbeddingRequest]):
    """Dense, sparse and multi-vector embeddings of each text from one pass, as FlagEmbedding computes BGE-M3's."""

    name = "hybrid-embedding"
    request = HybridEmbeddingRequest
    requires = "hybrid"

    def texts(self, request: HybridEmbeddingRequest) -> list[Text]:
        """The inputs, with the archive's default prompt."""
        return prompts.prepend(prompts.named(self.model.config, None), texts_of(request.inputs))

    def fit(self, request: HybridEmbeddingRequest, index: int, windows: list[Encoding], policy: str) -> list[Encoding]:
        """See `Task.fit`; ids have no prompt before them."""
        if is_ids(request.inputs, index):
            return windows
        return prompts.unpooled(self.model, prompts.named(self.model.config, None), windows)

    def reading(self, request: HybridEmbeddingRequest) -> None:
        """See `Task.reading`; the states stay where they are, as several things are read of them."""
        return

    def check_size(self, tokens: int, binary: bool) -> None:
        """See `Task.check_size`; states are kept until the answer is made, and are as wide as its vectors."""
        size, limit = 12 * tokens * self.model.hidden_size, self.model.config.max_response_bytes
        if size > limit:
            raise TooLarge(
                f"{tokens} tokens x {self.model.hidden_size} make about {size} bytes, the limit is {limit}; "
                "send fewer texts or raise handler.max_response_bytes"
            )

    def answer(
        self,
        request: HybridEmbeddingRequest,
        encodings: Sequence[Sequence[Encoding]],
        outputs: Sequence[Sequence[Output]],
    ) -> list[dict[str, Any]]:
        """Per text one value of each kind."""
        parts = {kind: self.kinds[kind](encodings, outputs) for kind in dict.fromkeys(request.outputs or self.kinds)}
        return [dict(zip(parts, values, strict=True)) for values in zip(*parts.values(), strict=True)]

    @property
    def kinds(self) -> Mapping[Kind, Callable[..., Any]]:
        """What makes each kind, one value per text."""
        return {"dense": self.dense, "sparse": self.sparse, "multi_vector": self.multi_vector}

    def dense(self, encodings: Sequence[Sequence[Encoding]], outputs: Sequence[Sequence[Output]]) -> Any:
        """`(texts, dimensions)`, as `embedding` answers by default."""
        found = vectors(self.model, outputs)
        return (l2_normalize(found) if self.model.config.normalize else found)[:, : self.model.config.dimensions]

    def sparse(self, encodings: Sequence[Sequence[Encoding]], outputs: Sequence[Sequence[Output]]) -> Any:
        """As `sparse-embedding`."""
        assert self.model.terms is not None
        weights, most = self.model.terms.weights(encodings, outputs), self.model.config.max_active_dims
        return [listed(*found, most) for found in weights]

    def multi_vector(self, encodings: Sequence[Sequence[Encoding]], outputs: Sequence[Sequence[Output]]) -> Any:
        """As `multi-vector`, whose two sides are one for such models."""
        assert self.model.late_interaction is not None
        return self.model.late_interaction.vectors(["document"] * len(outputs), encodings, outputs)
