"""What an edit is, and how files of a folder are changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Apply = Callable[[Path], object]


@dataclass(frozen=True, slots=True)
class Edit:
    """One change.

    Attributes:
        kind: row of the table.
        name: what is changed.
        apply: changes a folder.
        bases: words of which a base's name has one; empty for all.
    """

    kind: str
    name: str
    apply: Apply
    bases: tuple[str, ...] = ()


def several(*applied: Apply) -> Apply:
    """One after the other."""
    return lambda folder: [apply(folder) for apply in applied]


def change(file: Path, **keys: Any) -> None:
    """Set keys of a JSON file, which is made when it is missing; `...` removes one."""
    before = json.loads(file.read_text()) if file.exists() else {}
    file.write_text(json.dumps({key: value for key, value in (before | keys).items() if value is not Ellipsis}))


def tokenizer_json(folder: Path, **keys: Any) -> None:
    """Set keys of `tokenizer.json`."""
    change(folder / "tokenizer.json", **keys)


def model(folder: Path, **keys: Any) -> None:
    """Set keys of the section `model`."""
    tokenizer_json(folder, model=json.loads((folder / "tokenizer.json").read_text())["model"] | keys)


def config(folder: Path, **keys: Any) -> None:
    """Set keys of `tokenizer_config.json`."""
    change(folder / "tokenizer_config.json", **keys)
