"""What makes a vector of each token's state, to `multi_vector.safetensors`."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import msgspec
import tokenizers
from torch import Tensor

from handler import head as heads
from handler import late_interaction
from handler.config import Dtype
from handler.head import HeadMetadata, Step
from handler.late_interaction import Expansion, MultiVector
from handler.runtimes.base import WEIGHTS
from handler.tokenizer_settings import FILE as SETTINGS
from handler.tokenizer_settings import TokenizerSettings, load
from handler.types import Side
from scripts.console import Failure
from scripts.packing import dense, layout
from scripts.sources import pickles
from scripts.sources.checkpoint import Checkpoint
from scripts.sources.configuration import hidden_size
from scripts.sources.families import family
from scripts.sources.late_interaction import TOKENS, ExpansionSettings, LateInteraction

PROJECTION = "linear.weight"


def write(checkpoint: Checkpoint, folder: Path, dtype: Dtype) -> None:
    """Put it, if there is any, beside the encoder's files, which must be there already.

    Raises:
        Failure: a layer cannot be reproduced, or the archive cannot hide an expansion's tokens as the reference does.
    """
    found = checkpoint.late_interaction
    if found is None:
        return
    if found.projection:
        steps, tensors = projection(checkpoint, found.projection)
    else:
        steps, tensors = dense.chain(found.dense, hidden_size(checkpoint.config), TOKENS)
    try:
        layout.check_finite(tensors)
    except ValueError as error:
        raise Failure(f"a layer of {checkpoint.root}: {error}") from None
    description = describe(checkpoint, found, folder)
    if description.masks and dtype == "int8":
        raise Failure(
            f"{checkpoint.root} hides the tokens that it adds to queries from the others; in int8 this is not served",
            fix="leave --dtype int8 out",
        )
    if description.masks and family(checkpoint.config).blinded and (folder / WEIGHTS).exists():
        raise Failure(
            f"{checkpoint.root} hides the tokens that it adds to queries from the others, and its encoder lets a "
            "hidden token see no other either; the fast runtimes do not",
            fix="use --runtime eager",
        )
    metadata = HeadMetadata("embedding", steps), description
    names = heads.META, late_interaction.META
    encoded = {name: msgspec.json.encode(each).decode() for name, each in zip(names, metadata, strict=True)}
    layout.save(tensors, folder / late_interaction.FILE, encoded)


def projection(checkpoint: Checkpoint, place: Path) -> tuple[list[Step], dict[str, Tensor]]:
    """The one layer that Stanford's ColBERT has among the encoder's weights, and BGE-M3 in a file of its own."""
    if place.is_file():
        return linear(place)
    weights = dense.read(place)
    if PROJECTION not in weights:
        raise Failure(
            f"{checkpoint.folder} says {checkpoint.config['architectures'][0]} and lacks {PROJECTION}",
            fix="take weights that have it",
        )
    return [Step(PROJECTION)], {PROJECTION: weights[PROJECTION].float().contiguous()}


def linear(file: Path, activation: str = "none") -> tuple[list[Step], dict[str, Tensor]]:
    """The state of one `torch.nn.Linear`, as a chain."""
    weights = pickles.load(file)
    if weights.keys() != {"weight", "bias"}:
        raise Failure(f"{file} holds {', '.join(sorted(weights))}", fix="take a file with weight and bias")
    tensors = {name: tensor.float().contiguous() for name, tensor in weights.items()}
    return [Step("weight", "bias", activation)], tensors


def describe(checkpoint: Checkpoint, found: LateInteraction, folder: Path) -> MultiVector:
    """What a worker does with it: numbers of tokens instead of their names."""
    tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    settings, most = load(folder / SETTINGS), checkpoint.max_length
    ids = (tokenizer.token_to_id(token) for token in found.skipped)
    unknown = settings.id(tokenizer, "unk_token", "[UNK]", "<unk>")
    return MultiVector(
        query_length=query_length(found, most),
        document_length=min(most, found.document_length or most),
        expansion=expansion(checkpoint, found.expansion, tokenizer, settings) if found.expansion else None,
        skipped=sorted({id for id in ids if id is not None and id != unknown}),
        skipped_in=tuple(cast(Side, side) for side in found.skipped_in),
        normalize=found.normalize,
        average=found.average,
        first=found.first,
    )


def query_length(found: LateInteraction, most: int) -> int:
    """Tokens of the longest query: those of a fixed expansion, and at least those of any other."""
    if found.expansion and found.expansion.fixed:
        return min(most, found.expansion.length)
    least = found.expansion.length if found.expansion else 0
    return min(most, max(found.query_length, least) if found.query_length else most)


def expansion(
    checkpoint: Checkpoint, said: ExpansionSettings, tokenizer: tokenizers.Tokenizer, settings: TokenizerSettings
) -> Expansion:
    """What is added to queries."""
    mask = settings.id(tokenizer, "mask_token", "[MASK]", "<mask>")
    token = tokenizer.token_to_id(said.token) if said.token else mask
    if token is None:
        named = repr(said.token) if said.token else "mask token"
        raise Failure(
            f"queries of {checkpoint.root} are expanded, and its tokenizer has no {named}",
            fix="name a token of the vocabulary in query_expansion of the first module's settings",
        )
    if said.length > checkpoint.max_length:
        raise Failure(
            f"{checkpoint.root} expands queries to {said.length} tokens, the model takes {checkpoint.max_length}",
            fix="set a length that the model takes",
        )
    return Expansion(said.length, token, said.attended, said.fixed)
