"""The layers a checkpoint was fine-tuned with: token states in, scores out. The same for every runtime.

The packer writes them as a chain of linears, each perhaps with an activation and a normalisation after it
(`scripts/packing/heads.py`). A head with a vocabulary shares the model's table of words where the checkpoint ties
the two. Of a family of which no such chain is known, transformers' own class computes it: that of a vocabulary from
token states (`handler.vocabulary_head`), any other together with the encoder (`handler.runtimes.eager`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from torch import Tensor
from torch.nn.functional import layer_norm, linear

from handler.activations import ACTIVATIONS
from handler.device import DeviceStates, Reading
from handler.types import Output, Reduced

FILE = "head.safetensors"
DENSE = "dense.safetensors"
"""The dense layers of sentence-transformers, over the pooled vector: a chain of the same form."""
QUERY_DENSE = "query_dense.safetensors"
"""Those of queries, where they have layers of their own, or none while documents have some."""
META = "head"
"""Key of the file's metadata that holds a `HeadMetadata`."""

Scores = NDArray[np.float32]
HeadType = Literal["sequence", "tokens", "span", "vocabulary", "embedding"]
Function = Literal["sigmoid", "softmax", "none"]
Reads = Literal["first", "mean", "pooler", "all"]


class Step(msgspec.Struct, frozen=True):
    """One linear `(out, in)` and what follows it; or a normalisation alone.

    Attributes:
        weight: name of the tensor; `FILE:NAME` for one in another file of the checkpoint folder; empty for no linear.
        bias: name of the tensor; empty for none.
        activation: a key of `handler.activations.ACTIVATIONS`.
        norm: prefix of a normalisation's weight and bias; empty for none.
        residual: name of the matrix through which what the step reads is added to what it gives; empty where it is
            added as it is, None where it is not.
    """

    weight: str
    bias: str = ""
    activation: str = "none"
    norm: str = ""
    residual: str | None = None


class HeadMetadata(msgspec.Struct, frozen=True):
    """What the file's metadata says of the head.

    Attributes:
        kind: what its scores are of: a sequence, each token, the two ends of a span, the vocabulary at a token,
            or the dimensions of an embedding.
        reads: what of its text a `sequence` head reads: the first token's state, the mean of all, what the pooler
            makes of the first, or all of them, whose scores it averages.
        labels: names of the scores, in order; empty for a vocabulary.
        function: what makes the scores of a sequence probabilities: a key of `FUNCTIONS`, or of
            `handler.activations.ACTIVATIONS`, which a cross-encoder may name.
        rerank: what a cross-encoder applies to its one score, a key of `handler.activations.ACTIVATIONS`.
        eps: of normalisations.
        logarithms: how often log(1 + x) is taken of a vocabulary's scores above 0, for a sparse embedding.
        pooling: what a sparse embedding has of the scores of a text's tokens.
        model_class: transformers' class that computes it, where there are no steps; empty where there are.
    """

    kind: HeadType
    steps: list[Step]
    labels: list[str] = []
    reads: Reads = "first"
    function: str = "softmax"
    rerank: str = "sigmoid"
    eps: float = 1e-12
    logarithms: int = 1
    pooling: Literal["max", "sum"] = "max"
    model_class: str = ""

    @property
    def replaces_states(self) -> bool:
        """Whether the runtime computes it, and has its scores in the place of token states."""
        return bool(self.model_class) and self.kind != "vocabulary"


class Head:
    """A chain of linears on the device of the model."""

    def __init__(self, folder: Path, device: str, own: str = FILE) -> None:
        self.own = own
        self.description = described(folder, own)
        self.device = torch.device(device)
        self.weights = {name: self.read(folder, name) for step in self.description.steps for name in names(step)}
        self.sequence_scores = (MeanScores if self.description.reads == "all" else SequenceScores)(self)
        self.token_scores = TokenScores(self)

    def read(self, folder: Path, name: str) -> Tensor:
        """A tensor of the head's own file, or of the one its name begins with."""
        other, _, rest = name.rpartition(":")
        with safe_open(folder / (other or self.own), framework="pt") as file:
            return file.get_tensor(rest).to(self.device)  # type: ignore[no-any-return]

    @property
    def size(self) -> int:
        """How many scores it gives."""
        if not self.description.steps:
            return len(self.description.labels)
        last = self.description.steps[-1]
        return len(self.weights[last.weight or f"{last.norm}.weight"])

    @property
    def width(self) -> int:
        """Of what its first layer reads."""
        first = self.description.steps[0]
        return self.weights[first.weight or f"{first.norm}.weight"].shape[-1]

    @torch.inference_mode()
    def __call__(self, states: NDArray[np.float32]) -> Scores:
        """`(rows, hidden)` to `(rows, scores)`, before any function is applied."""
        scores: Scores = self.chain(torch.from_numpy(np.ascontiguousarray(states)).to(self.device)).cpu().numpy()
        return scores

    def chain(self, values: Tensor) -> Tensor:
        """`__call__` for tensors on the head's device, gradients included."""
        for step in self.description.steps:
            read = values
            if step.weight:
                values = linear(values, self.weights[step.weight], self.weights[step.bias] if step.bias else None)
            values = ACTIVATIONS[step.activation].apply(values)
            if step.residual is not None:
                values = values + (linear(read, self.weights[step.residual]) if step.residual else read)
            if step.norm:
                norm = self.weights[f"{step.norm}.weight"], self.weights[f"{step.norm}.bias"]
                values = layer_norm(values, values.shape[-1:], *norm, self.description.eps)
        return values

    def relevance(self, scores: Scores) -> Scores:
        """`(texts,)`, a cross-encoder's scores after the activation that sentence-transformers would apply."""
        return self.activated(scores[:, None], self.description.rerank)[:, 0]

    def activated(self, scores: Scores, function: str) -> Scores:
        """`(texts, scores)` after a key of `FUNCTIONS` or of `handler.activations.ACTIVATIONS`."""
        if function in FUNCTIONS:
            return FUNCTIONS[function](scores)
        return ACTIVATIONS[function].apply(torch.from_numpy(scores)).numpy()


class SequenceScores(Reading):
    """`(sequences, scores)` of a `sequence` head, before any function is applied."""

    def __init__(self, head: Head) -> None:
        self.head = head
        self.reads = head.description.reads
        self.pooled = self.reads == "pooler"

    def on_device(self, states: DeviceStates) -> Tensor:
        """See `Reading`."""
        return self.head.chain(READERS[self.reads](states).float())

    def kept(self, output: Output) -> Output:
        """See `Reading`; a copy, since a row of the states would keep all of them."""
        return Reduced(np.array(self.vector(output), ndmin=2), None, len(output), self)

    def on_host(self, outputs: Sequence[Output]) -> Scores:
        """See `Reading`."""
        return self.head(np.stack([self.vector(output) for output in outputs]))

    def vector(self, output: Output) -> NDArray[np.float32]:
        """`(hidden,)`, what the head reads; of an output that has been reduced to it, too."""
        if self.pooled and not isinstance(output, Reduced):
            assert output.pooled is not None  # the packer does not leave out a pooler that a head reads
            return output.pooled
        first = self.reads == "first" or isinstance(output, Reduced)
        vector: NDArray[np.float32] = output.hidden[0] if first else output.hidden.mean(0)
        return vector


class MeanScores(SequenceScores):
    """The same where a text has the mean of its tokens' own scores."""

    def on_device(self, states: DeviceStates) -> Tensor:
        """See `Reading`."""
        return mean(self.head.chain(states.hidden.float()), states)

    def on_host(self, outputs: Sequence[Output]) -> Scores:
        """See `Reading`."""
        return np.stack([self.vector(output) for output in outputs])

    def vector(self, output: Output) -> NDArray[np.float32]:
        """`(scores,)`; of an output that has been reduced to them, too."""
        scores: NDArray[np.float32] = output.hidden[0]
        return scores if isinstance(output, Reduced) else self.head(output.hidden).mean(0)


def mean(values: Tensor, states: DeviceStates) -> Tensor:
    """`(sequences, width)` of `(tokens, width)`."""
    return torch.segment_reduce(values, "mean", offsets=states.offsets, axis=0, unsafe=True)


def pooled_states(states: DeviceStates) -> Tensor:
    """`(sequences, hidden)` from the pooler."""
    assert states.pooled is not None  # the packer does not leave out a pooler that a head reads
    return states.pooled


READERS: dict[Reads, Callable[[DeviceStates], Tensor]] = {
    "first": lambda states: states.hidden.index_select(0, states.first),
    "mean": lambda states: mean(states.hidden.float(), states),
    "pooler": pooled_states,
}
"""`(sequences, hidden)` on the device, by `HeadMetadata.reads`."""


class TokenScores(Reading):
    """`(tokens, scores)` of a head over each token, before any function is applied."""

    tokens = True

    def __init__(self, head: Head) -> None:
        self.head = head

    def on_device(self, states: DeviceStates) -> Tensor:
        """See `Reading`."""
        return self.head.chain(states.hidden.float())

    def on_host(self, outputs: Sequence[Output]) -> Scores:
        """See `Reading`."""
        return self.head(np.concatenate([output.hidden for output in outputs]))


def described(folder: Path, own: str = FILE) -> HeadMetadata:
    """What a file says of the layers in it."""
    with safe_open(folder / own, framework="pt") as file:
        return msgspec.json.decode(file.metadata()[META], type=HeadMetadata)


def entailment(labels: Sequence[str]) -> int | None:
    """Which label of an NLI head is entailment, by transformers' rule; None for a head of something else.

    Source: `ZeroShotClassificationPipeline.entailment_id` of transformers 5.23, which takes the last label of such.
    """
    found = next((number for number, name in enumerate(labels) if name.lower().startswith("entail")), None)
    return found if len(labels) > 1 else None


def names(step: Step) -> list[str]:
    """The tensors of a step."""
    norm = [f"{step.norm}.weight", f"{step.norm}.bias"] if step.norm else []
    return [*filter(None, (step.weight, step.bias, step.residual)), *norm]


def softmax(scores: Scores) -> Scores:
    """Over the last dimension."""
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)  # type: ignore[no-any-return]


def sigmoid(scores: Scores) -> Scores:
    """Element by element; large negative scores do not overflow."""
    powers = np.exp(-np.abs(scores))
    return np.where(scores >= 0, 1 / (1 + powers), powers / (1 + powers))


FUNCTIONS: dict[str, Callable[[Scores], Scores]] = {
    "softmax": softmax,
    "sigmoid": sigmoid,
    "none": lambda scores: scores,
}
