"""Which tokens an answer rests on: integrated gradients and attention, over the weights of the `packed` runtime.

Integrated gradients (https://arxiv.org/abs/1703.01365): the gradient of a score by the vectors of the words, averaged
on the way from a text of padding to the text itself, times the difference. Attributions add up to the difference of the
two scores; how well they do is `Explanation.convergence_delta`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

from handler.explanation import Explanation
from handler.runtimes import indices
from handler.runtimes.attention import by_distance, within
from handler.runtimes.base import WEIGHTS, Placement, Runtime
from handler.runtimes.disentangled import Relative
from handler.runtimes.packed import Packed
from handler.types import Encoding

Score = Callable[[Tensor, Tensor | None], Tensor]
"""From `(sequences, tokens, hidden)` states and `(sequences, hidden)` pooled ones to `(sequences,)`."""

TOKENS_AT_ONCE = 1024
"""Of all steps that run together: their activations are kept for the gradient."""


class Recording:
    """Attention of one sequence that keeps its weights.

    Args:
        count: times that the sequence is there.
        bias: see `handler.runtimes.attention.by_distance`.
        layers: where the weights of each layer go, those of the last sequence; None where nobody wants them.
    """

    def __init__(self, count: int, bias: Tensor | None, layers: list[Tensor] | None) -> None:
        self.count, self.bias, self.layers = count, bias, layers

    def __call__(self, qkv: Tensor, relative: Relative | None = None) -> Tensor:
        """See `handler.runtimes.attention.Attention`; sequences of one length."""
        _, _, heads, size = qkv.shape
        query, key, value = qkv.view(self.count, -1, 3, heads, size).permute(2, 0, 3, 1, 4).unbind(0)
        scores = query @ key.transpose(-1, -2) / size**0.5
        scores = scores if relative is None else scores + relative.added(query, key)(0, scores.shape[-1])
        weights = (scores if self.bias is None else scores + by_distance(self.bias, scores.shape[-1])).softmax(-1)
        if self.layers is not None:
            self.layers.append(weights[-1].clone())  # a view would keep those of the others
        mixed: Tensor = (weights @ value).transpose(1, 2).reshape(-1, heads, size)
        return mixed.contiguous()  # of a single sequence it would be a view, which the layer cannot flatten


class Explainer:
    """Explains one sequence at a time, in float32."""

    def __init__(self, model: Packed) -> None:
        self.model = model
        self.maps = len(self.model.layers) * self.model.layers[0].heads

    def explain(
        self, encoding: Encoding, score: Score, padding: int, steps: int, attention: bool, check: Callable[[], None]
    ) -> Explanation:
        """Attributions to each token, and perhaps attention.

        Args:
            encoding: the sequence.
            score: what is explained.
            padding: id of the padding token, the baseline of each of the text's tokens.
            steps: points on the way from the baseline to the text.
            attention: whether the weights of attention are wanted.
            check: called before each pass; may raise when there is no more time.
        """
        text = torch.tensor([not special for special in encoding.special], device=self.model.device)
        ids = torch.tensor(encoding.ids, device=self.model.device)
        embeddings = self.model.weights["word"][ids]
        baseline = self.model.weights["word"][torch.where(text, padding, ids)]
        points = (torch.arange(steps, device=self.model.device) + 0.5) / steps
        sums = torch.zeros_like(embeddings)
        together = max(1, TOKENS_AT_ONCE // len(encoding))
        for first in range(0, steps, together):
            check()
            some = points[first : first + together]
            vectors = (baseline + some[:, None, None] * (embeddings - baseline)).requires_grad_()
            scores = score(*self.run(vectors, encoding, None))
            sums += torch.autograd.grad(scores.sum(), vectors)[0].sum(0)
        attributions = (sums / steps * (embeddings - baseline)).sum(-1)
        layers: list[Tensor] | None = [] if attention else None
        with torch.no_grad():
            ends = score(*self.run(torch.stack([baseline, embeddings]), encoding, layers))
        weights = torch.stack(layers).cpu().numpy() if layers is not None else None
        return Explanation(attributions.cpu().numpy(), float(ends[1]), float(ends[0]), weights)

    def run(self, vectors: Tensor, encoding: Encoding, layers: list[Tensor] | None) -> tuple[Tensor, Tensor | None]:
        """States and pooled ones for `(sequences, tokens, hidden)` word embeddings; attention goes to `layers`."""
        model, weights = self.model, self.model.weights
        count, length, width = vectors.shape
        _, rows, _, _ = indices.arrays([encoding], model.encoder.first_position, weights)
        positions, states = torch.from_numpy(rows).to(model.device), vectors
        if "position" in weights:
            states = states + weights["position"][positions]
        if "type" in weights:
            states = states + weights["type"][torch.tensor(encoding.type_ids, device=model.device)]

        def attention_of(window: int) -> Recording:
            return Recording(count, within(model.bias, window, length, model.device), layers)

        states = model.finish_embeddings(states.reshape(-1, width))
        states = model.through_layers(states, attention_of, positions.repeat(count))
        states = states.view(count, length, model.encoder.hidden)
        if "pooler.weight" not in weights:
            return states, None
        return states, torch.addmm(weights["pooler.bias"], states[:, 0], weights["pooler.weight"]).tanh()


def make(runtime: Runtime, checkpoint: Path, device: str) -> Explainer:
    """One over the runtime's own weights where those will do: a GPU would hold them twice."""
    if isinstance(runtime, Packed) and runtime.dtype == torch.float32:
        return Explainer(runtime)
    return Explainer(Packed(checkpoint, Placement(device, "float32")))


def available(checkpoint: Path) -> bool:
    """Whether the archive has weights to explain with: those of `packed`, and not in 8 bits."""
    if not (checkpoint / WEIGHTS).exists():
        return False
    with safe_open(checkpoint / WEIGHTS, framework="pt") as file:
        return bool(file.get_slice("layers.0.qkv.weight").get_dtype() == "F32")
