"""What a layout is: a kind of checkpoint folder, and how one is made."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Make = Callable[[Path], object]


@dataclass(frozen=True, slots=True)
class Layout:
    """One folder.

    Attributes:
        kind: row of the short table.
        name: within its kind.
        make: writes it into a folder that is not there yet.
    """

    kind: str
    name: str
    make: Make

    @property
    def title(self) -> str:
        """Kind and name, for people and for the command line."""
        return f"{self.kind}: {self.name}"


def edit(file: Path, **changes: Any) -> None:
    """Set keys of a JSON object; a key that is None goes."""
    found = (json.loads(file.read_text()) if file.exists() else {}) | changes
    file.write_text(json.dumps({key: value for key, value in found.items() if value is not None}))
