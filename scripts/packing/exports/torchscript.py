"""The transformers model as TorchScript: `model.pt`, traced with any batch size and length."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from handler.runtimes.base import SCRIPT
from handler.runtimes.eager import Eager


class Traced(nn.Module):
    """The model with positional inputs, and a tuple of what it has: last hidden states, pooled output."""

    def __init__(self, eager: Eager) -> None:
        super().__init__()
        self.model = eager.model
        self.takes_types = eager.takes_types
        self.has_pooler = eager.has_pooler

    def forward(self, input_ids: Tensor, token_type_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, ...]:
        """`(batch, length)` each."""
        inputs = {"input_ids": input_ids, "attention_mask": attention_mask}
        outputs = self.model(**inputs, **({"token_type_ids": token_type_ids} if self.takes_types else {}))
        return (outputs.last_hidden_state, *([outputs.pooler_output] if self.has_pooler else []))


def write(eager: Eager, folder: Path) -> None:
    """Trace and save. The trace is compared with the model at other shapes by `measure`, not here."""
    ids = torch.full((2, 7), (eager.pad_id + 1) % eager.model.config.vocab_size)
    mask = torch.ones_like(ids)
    mask[0, 4:] = 0
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # branches on sizes that are the same for every size
        traced = Traced(eager).eval()
        trace = torch.jit.trace(traced, (ids, torch.zeros_like(ids), mask), check_trace=False)  # type: ignore[no-untyped-call]
        torch.jit.save(trace, folder / SCRIPT, _extra_files={"pad_id": str(eager.pad_id), "words": table(traced)})


def table(traced: Traced) -> str:
    """The name of the table of words among the parameters."""
    words = traced.model.get_input_embeddings().weight
    return next(name for name, parameter in traced.named_parameters() if parameter is words)
