"""A loaded model: what tasks and protocols may know of the archive they run in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from torch import Tensor

from handler.config import HandlerConfig
from handler.deadline import Deadline
from handler.explanation import AnyExplainer
from handler.head import Head, HeadMetadata, HeadType, entailment
from handler.late_interaction import LateInteraction
from handler.poolings import modes
from handler.query_weights import QueryWeights
from handler.sides import Sides
from handler.term_weights import TermWeights
from handler.text import TextTokenizer
from handler.types import Side

Kind = Literal["reranker", "classifier", "splade", "embedding"]
"""What text-embeddings-inference calls a model; it is `embedding` whatever no other word is for."""
Capability = HeadType | Literal["states", "gradients", "ranking", "entailment", "multi-vector", "sparse", "hybrid"]
"""What not every archive has: states of tokens, a head of some kind, or of NLI, weights to explain with, scores to rank
by, or vectors of tokens, weights of words, or both beside embeddings."""


def capabilities(
    config: HandlerConfig,
    head: HeadMetadata | None,
    gradients: bool,
    multi_vector: bool,
    terms: bool,
) -> set[Capability]:
    """Of a model with that head, with weights to explain with or not, with vectors of tokens or not."""
    kind, labels = (head.kind, head.labels) if head else (None, [])
    states = head is None or not head.replaces_states
    possible: dict[Capability | None, bool] = {
        "states": states,
        "gradients": gradients,
        "ranking": config.rerank and (states or kind == "sequence"),
        "multi-vector": multi_vector,
        "sparse": terms or kind == "vocabulary",
        "hybrid": terms and multi_vector,
        "entailment": kind == "sequence" and entailment(labels) is not None,
        kind: True,
    }
    return {name for name, there in possible.items() if there and name}


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """What the tasks may know of the archive they run in.

    Attributes:
        word_embeddings: gives the word embedding matrix, `(vocabulary, hidden)` float32.
        exact: whether outputs are transformers' own to the last bit.
        head: the layers it was fine-tuned with.
        dense: the layers after pooling, of documents where queries have their own.
        sides: the layers of queries and of documents, where they differ.
        late_interaction: the layers to a vector per token.
        terms: the layer to a weight per token.
        queries: the table of weights of a query's tokens.
        deadline: of the batch in hand.
        provenance: where the checkpoint came from, as the packer wrote it down.
        notes: what was left out of it, or is done otherwise than transformers would, in sentences.
        explain: makes what explains, when it is first needed; None where the archive has no weights for it.
    """

    name: str
    version: str
    config: HandlerConfig
    tokenizer: TextTokenizer
    hidden_size: int
    device: str
    runtime: str
    word_embeddings: Callable[[], Tensor]
    exact: bool = False
    head: Head | None = None
    dense: Head | None = None
    late_interaction: LateInteraction | None = None
    terms: TermWeights | None = None
    queries: QueryWeights | None = None
    sides: Sides | None = None
    deadline: Deadline = field(default_factory=Deadline)
    explain: Callable[[], AnyExplainer] | None = None
    tasks: list[str] = field(default_factory=list)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    notes: Sequence[str] = ()

    def layers(self, side: Side | None = None) -> Head | None:
        """Those after pooling, for a text on that side; None for none."""
        return self.dense if self.sides is None else self.sides.dense(side)

    @property
    def dimensions(self) -> int:
        """Of its embeddings."""
        pooled = self.hidden_size * len(modes(self.config.pooling))
        size = pooled if self.dense is None else self.dense.size
        return min(size, self.config.dimensions or size)

    @property
    def token_dimensions(self) -> int:
        """Of its vectors of tokens."""
        assert self.late_interaction is not None
        return self.late_interaction.size or self.hidden_size

    @property
    def kind(self) -> Kind:
        """What it was made for."""
        if self.head is not None and self.head.description.kind == "sequence":
            return "reranker" if len(self.head.description.labels) == 1 else "classifier"
        if not self.config.rerank:  # its head was left out
            return "classifier"
        return "splade" if self.config.task == "sparse-embedding" else "embedding"

    @property
    def capabilities(self) -> set[Capability]:
        """What its tasks may require."""
        return capabilities(
            self.config,
            self.head.description if self.head else None,
            self.explain is not None,
            self.late_interaction is not None,
            self.terms is not None,
        )
