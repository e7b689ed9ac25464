"""Weights under a variant's name, such as `model.fp16.safetensors`, which transformers reads with `variant="fp16"`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

PART = re.compile(r"-\d+-of-\d+$")
"""End of the name of one of several files, which an index with the variant's name lists."""


def named(file: str, variant: str | None) -> str:
    """What a file of weights is called in a variant: as `_add_variant` of transformers 5.23 does."""
    stem, _, ending = file.rpartition(".")
    return f"{stem}.{variant}.{ending}" if variant else file


def plain(file: str, variant: str | None) -> str:
    """What the file is called without one."""
    stem, _, ending = file.rpartition(".")
    return f"{stem.removesuffix(f'.{variant}')}.{ending}" if variant else file


def find(folder: Path, files: Iterable[str]) -> str | None:
    """The one variant in which a folder has such files; None for none, and where there are several to choose from.

    Args:
        folder: of a model.
        files: plain names, of which the folder has none.
    """
    found = set()
    for file in files:
        stem, _, ending = file.rpartition(".")
        for path in folder.glob(named(file, "*")):
            found.add(PART.sub("", path.name.removeprefix(f"{stem}.").removesuffix(f".{ending}")))
    return found.pop() if len(found) == 1 else None
