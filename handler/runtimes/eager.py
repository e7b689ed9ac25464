"""The transformers model as its authors wrote it: the reference the other runtimes are measured against.

Where an archive's head is one that transformers' class computes (`HeadMetadata.replaces_states`), the class runs as a
whole, and outputs have its scores in the place of states: a score of a sequence at each of its tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from inspect import signature
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from torch import Tensor
from transformers import AutoConfig, AutoModel, AutoModelForTextEncoding, PretrainedConfig
from transformers.models.auto.modeling_auto import MODEL_FOR_TEXT_ENCODING_MAPPING
from transformers.utils import logging as transformers_logging

from handler.device import DeviceStates, Queue, upload
from handler.errors import ConfigError
from handler.head import FILE as HEAD
from handler.head import HeadType, described
from handler.runtimes import cuda
from handler.runtimes.base import Placement, Placements, Runtime
from handler.runtimes.padding import pad, unpad
from handler.tokenizer_settings import FILE as SETTINGS
from handler.tokenizer_settings import load
from handler.types import Encoding, Output

NAMED = 3  # missing weights that a message names
CHOICE = "ForMultipleChoice"
"""What classes end with whose inputs are `(texts, choices, tokens)`."""
SCORES: Mapping[HeadType, Callable[[Any, Tensor], Tensor]] = {
    "sequence": lambda outputs, ids: outputs.logits.reshape(len(ids), 1, -1).expand(-1, ids.shape[1], -1),
    "tokens": lambda outputs, ids: outputs.logits,
    "span": lambda outputs, ids: torch.stack((outputs.start_logits, outputs.end_logits), -1),
}
"""`(sequences, longest, scores)` of a class with a head, for `(sequences, longest)` ids."""


class Eager(Runtime):
    """The class that transformers has for encoding texts, on padded batches."""

    name = "eager"
    padded = True
    exact = True
    placements: ClassVar[Placements] = {"cpu": ("float32",), "cuda": ("float32", "float16", "bfloat16")}

    def __init__(self, checkpoint: Path, placement: Placement, variant: str | None = None) -> None:
        transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
        transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        self.device = torch.device(placement.device)
        if self.device.type == "cuda":
            cuda.configure_torch(self.device)
        self.outputs_on_device = self.device.type != "cpu"
        self.queue = Queue(self.device)
        found = AutoConfig.from_pretrained(checkpoint, local_files_only=True, trust_remote_code=False)
        head = described(checkpoint) if (checkpoint / HEAD).exists() else None
        self.head = head if head is not None and head.replaces_states else None
        kind = getattr(transformers, self.head.model_class) if self.head else auto_class(found)
        model, report = kind.from_pretrained(
            checkpoint,
            config=found,
            dtype=getattr(torch, placement.dtype),
            variant=variant,
            local_files_only=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
        check_missing(report["missing_keys"])
        self.has_pooler = has_pooler(model.state_dict()) and not has_pooler(report["missing_keys"])
        self.model = model.eval().to(self.device)
        self.pad_id = self.model.config.pad_token_id or 0
        told = load(checkpoint / SETTINGS).token_type_ids
        self.takes_types = told and "token_type_ids" in signature(self.model.forward).parameters

    @torch.inference_mode()
    def run(self, encodings: Sequence[Encoding]) -> list[Output]:
        """Pad to the longest sequence, run, and cut each sequence's own rows out again."""
        padded = pad(encodings, self.pad_id)
        if not self.takes_types:
            del padded["token_type_ids"]
        if self.outputs_on_device:
            return self.run_resident(encodings, padded)
        states, pooled = self.forward({name: torch.from_numpy(array) for name, array in padded.items()})
        return unpad(encodings, states.float().numpy(), None if pooled is None else pooled.float().numpy())

    def run_resident(self, encodings: Sequence[Encoding], padded: Mapping[str, NDArray[np.int64]]) -> list[Output]:
        """The same on a GPU: one copy to it, and states without padding that stay there."""
        lengths, shape = [len(encoding) for encoding in encodings], padded["attention_mask"].shape
        kept = np.flatnonzero(np.arange(shape[1]) < np.array(lengths)[:, None])
        arrays = [array.ravel() for array in padded.values()]
        *inputs, kept_there, offsets = upload([*arrays, kept, np.cumsum([0, *lengths])], self.device)
        states, pooled = self.forward(
            {name: array.view(shape).long() for name, array in zip(padded, inputs, strict=True)}
        )
        self.queue.follow()
        return DeviceStates(states.flatten(0, 1)[kept_there], pooled, lengths, offsets).outputs()

    def forward(self, inputs: Mapping[str, Tensor]) -> tuple[Tensor, Tensor | None]:
        """`(sequences, longest, hidden)` states, or scores in their place, and what the pooler gives."""
        if self.head is not None:
            return self.scores(inputs, self.head.kind), None
        outputs = self.model(**inputs)
        return outputs.last_hidden_state, getattr(outputs, "pooler_output", None) if self.has_pooler else None

    def scores(self, inputs: Mapping[str, Tensor], kind: HeadType) -> Tensor:
        """`(sequences, longest, scores)` of a class with a head."""
        nested = type(self.model).__name__.endswith(CHOICE)
        outputs = self.model(**({name: each[None] for name, each in inputs.items()} if nested else inputs))
        return SCORES[kind](outputs, inputs["input_ids"])

    def finish(self) -> None:
        """See `Runtime.finish`."""
        self.queue.finish()

    def word_embeddings(self) -> Tensor:
        """See `Runtime.word_embeddings`; in half precision its rows are rounded."""
        words: Tensor = self.model.get_input_embeddings().weight.detach().float()
        return words


def auto_class(config: PretrainedConfig) -> type[AutoModel | AutoModelForTextEncoding]:
    """What makes the model: of a family with an encoder and a decoder, such as T5, it makes the encoder alone."""
    return AutoModelForTextEncoding if type(config) in MODEL_FOR_TEXT_ENCODING_MAPPING else AutoModel


def has_pooler(weights: Iterable[str]) -> bool:
    """Whether a pooler is among them."""
    return any(name.startswith("pooler.") for name in weights)


def check_missing(weights: Iterable[str]) -> None:
    """Refuse a checkpoint that lacks a weight.

    Transformers fills weights it does not find with random numbers. A missing pooler is usual and only means that it
    cannot be asked for; anything else missing would make every answer wrong.

    Raises:
        ConfigError: a weight other than the pooler's is missing.
    """
    missing = sorted(name for name in weights if not name.startswith("pooler."))
    if missing:
        raise ConfigError(f"the checkpoint lacks {len(missing)} weights of its model: {listed(missing)}")


def listed(names: Sequence[str]) -> str:
    """The first three, and how many more there are."""
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
