"""A head with a vocabulary that transformers' class computes: from token states, without running the encoder again.

The class runs with something in its encoder's place that answers with states which have been computed already. So of
a family's code nothing has to be known but the class, and a task may ask for the words at a few tokens of a text.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers
from torch import Tensor, nn
from transformers.modeling_outputs import BaseModelOutputWithPooling

from handler.head import Head


class GivenOutputs(BaseModelOutputWithPooling):
    """An encoder's outputs; what else a family's encoder has among them is None."""

    def __getattr__(self, name: str) -> None:
        if name.startswith("_"):
            raise AttributeError(name)


class GivenEncoder(nn.Module):
    """Stands where a class has its encoder."""

    def __init__(self) -> None:
        super().__init__()
        self.states = torch.empty(0)

    def forward(self, *_: Any, **__: Any) -> GivenOutputs:
        """`(1, tokens, hidden)` states that were set, whatever it is asked."""
        return GivenOutputs(last_hidden_state=self.states)


def encoder_replaced(model: Any) -> GivenEncoder:
    """What stands in the place of a model's encoder from now on."""
    encoder = GivenEncoder()
    setattr(model, model.base_model_prefix, encoder)
    return encoder


def scores(model: Any, encoder: GivenEncoder, states: Tensor) -> Tensor:
    """`(tokens, vocabulary)` of `(tokens, hidden)`, by a model whose encoder was replaced."""
    encoder.states = states[None]
    ids = torch.zeros(1, len(states), dtype=torch.long, device=states.device)
    found: Tensor = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0]
    return found


class VocabularyHead(Head):
    """Scores of all words at tokens, each by its own state."""

    def __init__(self, folder: Path, device: str) -> None:
        super().__init__(folder, device)
        kind = getattr(transformers, self.description.model_class)
        model = kind.from_pretrained(folder, dtype=torch.float32, local_files_only=True, trust_remote_code=False)
        self.encoder = encoder_replaced(model)
        self.model = model.eval().to(self.device)

    def chain(self, values: Tensor) -> Tensor:
        """`(rows, vocabulary)` of `(rows, hidden)`, on the head's device."""
        return scores(self.model, self.encoder, values)
