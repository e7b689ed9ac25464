"""How long a sequence a model takes: as sentence-transformers has it, within the rows of its table of positions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.console import Failure
from scripts.files.json_files import value
from scripts.sources.configuration import check_layers, check_sizes, first_position
from scripts.sources.families import family

TABLES = ("position_embeddings", "embed_positions", "position_embedding", "wpe")
"""What transformers' encoders call a table with a row for each position."""
DEFAULT = 512
"""Tokens, where neither model nor tokenizer says."""
NO_LIMIT = 10**20
"""A tokenizer's length above this says nothing: transformers writes 10**30 where there is none (`LARGE_INTEGER`)."""


Said = tuple[str, str]
"""A file, and a key of it."""


@dataclass(frozen=True, slots=True)
class Lengths:
    """Of a model, in tokens.

    Attributes:
        positions: of the longest sequence that it has positions for; None where they are rotary or relative.
        configured: what its configuration calls its longest; None where it says nothing.
    """

    positions: int | None
    configured: int | None

    def longest(self, settings: Mapping[str, Any], tokenizer: Mapping[str, Any], own_file: str) -> tuple[int, Said]:
        """What sentence-transformers reads of a text at most, and what says so.

        Source: `Transformer.__init__` of sentence-transformers 6.2: `max_seq_length` of its own settings, else the
        tokenizer's length within `max_position_embeddings`.

        Args:
            settings: the decoded `sentence_bert_config.json`, or nothing.
            tokenizer: the decoded `tokenizer_config.json`.
            own_file: what that of the settings is called.
        """
        own = value(settings, "max_seq_length", int, 0, own_file)
        key = "model_max_length" if tokenizer.get("model_max_length") is not None else "max_len"
        named = value(tokenizer, key, int, 0, "tokenizer_config.json")
        rows = ("config.json", "max_position_embeddings")
        said = ((named, ("tokenizer_config.json", key)), (self.configured, rows))
        limits = [(length, by) for length, by in said if length and length < NO_LIMIT] or [(DEFAULT, rows)]
        limits = [(own, (own_file, "max_seq_length"))] if own else limits
        limits += [(self.positions, rows)] if self.positions is not None else []
        return min(limits, key=lambda limit: limit[0])


def read(folder: Path, config: Mapping[str, Any]) -> Lengths:
    """Of a checkpoint; the model is built without its weights where transformers runs it.

    Args:
        folder: of the model.
        config: its decoded `config.json`.

    Raises:
        Failure: transformers does not know the model, or it needs code of its own.
    """
    check_layers(config)
    if not family(config).layered:
        return Lengths(None, value(config, "max_position_embeddings", int, None))
    if family(config).encoder:
        check_sizes(config)
        size = value(config, "max_position_embeddings", int, DEFAULT)
        return Lengths(None if family(config).endless(config) else size - first_position(config), size)
    import torch
    from transformers import AutoConfig

    from handler.runtimes.eager import auto_class

    try:
        found = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        with torch.device("meta"):
            model = auto_class(found).from_config(found, trust_remote_code=False)  # type: ignore[no-untyped-call]
    except Exception as error:  # of any kind, as transformers' classes fail over their configuration
        raise unknown(folder, config, error) from None
    named = getattr(found, "max_position_embeddings", None)
    configured = named if isinstance(named, int) and named > 0 else None
    tables = [rows(module) for name, module in model.named_modules() if name.rsplit(".", 1)[-1] in TABLES]
    limits = [length for length in (*tables, configured) if length]
    return Lengths(min(limits) if any(tables) else None, configured)


def rows(table: Any) -> int | None:
    """Sequence positions of a module, if it is a table; where it has a padding row, positions begin behind that."""
    if getattr(table, "weight", None) is None or table.weight.dim() != 2:
        return None
    padding = getattr(table, "padding_idx", None)
    return len(table.weight) - (0 if padding is None else int(padding) + 1)


def unknown(folder: Path, config: Mapping[str, Any], error: Exception) -> Failure:
    """Of a model that transformers does not make."""
    kind = value(config, "model_type", str, "")
    if value(config, "auto_map", dict):
        return Failure(
            f"{folder} needs code of its own: auto_map in config.json, for the model type {kind!r}",
            why="code from a checkpoint is never run",
            fix="take a checkpoint of this model in transformers' own classes, or convert it with its authors' script",
        )
    return Failure(f"transformers makes no model of {folder}", why=str(error).strip(), fix="correct its config.json")
