"""What gives a query's words their weights without a model, to `query_weights.safetensors`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor

from handler.query_weights import FILE, META, WEIGHTS, Queries
from scripts.console import Failure
from scripts.files.json_files import load_if_there, load_object, value
from scripts.packing import dense, layout, tokenizer
from scripts.sources.checkpoint import Checkpoint

LONGEST = 1_000_000
"""Tokens of a query whose tokenizer knows no end."""


def write(checkpoint: Checkpoint, folder: Path) -> None:
    """Put it, if there is any, beside the tokenizer, which must be there already.

    Raises:
        Failure: queries have another tokenizer than documents, or fewer weights than it has tokens.
    """
    if checkpoint.queries is None or checkpoint.queries.folder is None:
        return
    own = checkpoint.queries.folder
    theirs = tokenizer.build(own, (own / tokenizer.FILE).exists())
    packed = tokenizer.load(folder / tokenizer.FILE)
    if words(tokenizer.backend(theirs)) != words(packed):
        raise Failure(
            f"queries of {checkpoint.root} have another tokenizer than documents; an archive has one",
            fix="pack the route of documents alone, saved as a model of its own",
        )
    found = table(checkpoint, own, theirs)
    size = max(packed.get_vocab().values()) + 1
    if found.dim() != 1 or len(found) < size:
        raise Failure(f"{own} has weights of shape {tuple(found.shape)}, and its tokenizer {size} tokens")
    layout.check_finite({WEIGHTS: found})
    described = Queries(min(int(theirs.model_max_length), LONGEST), checkpoint.queries.default)
    layout.save({WEIGHTS: found}, folder / FILE, {META: msgspec.json.encode(described).decode()})


def words(backend: Any) -> dict[str, Any]:
    """What a tokenizer does to a text, but for special tokens, which queries have none of."""
    state: dict[str, Any] = json.loads(tokenizer.state(backend))
    return {**state, "post_processor": None}


def table(checkpoint: Checkpoint, own: Path, theirs: Any) -> Tensor:
    """`(vocabulary,)` float32, of a module's tensor or of the file of words that its settings name."""
    named = value(load_if_there(own / "config.json"), "path", str, "", own / "config.json")
    if not named.endswith(".json"):
        weights = dense.read(own)
        if "weight" not in weights:
            raise Failure(f"{own} holds {', '.join(sorted(weights)) or 'nothing'}, and no tensor weight")
        return weights["weight"].float().contiguous()  # type: ignore[no-any-return]
    places = (own / Path(named).name, checkpoint.root / Path(named).name)
    file = next((each for each in places if each.exists()), None)
    if file is None:
        raise Failure(f"{own} names {named}, which is not there", fix=f"copy it to {places[0]}")
    found = torch.zeros(len(theirs.get_vocab()))
    for word, weight in load_object(file).items():
        found[theirs.convert_tokens_to_ids(word)] = float(weight)
    return found
