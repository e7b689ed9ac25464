"""What a deployment has to know of the archive that it serves."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.console import Failure

LONGEST_NAME = 50
"""Letters of a name: Kubernetes allows 63, and appends up to 12 to those of what it makes."""


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive of this project.

    Attributes:
        file: where it is now.
        name: of the model, as in its address.
        bytes: of the file, which is not compressed: of the unpacked archive, too.
        runtime: `handler.runtime` of its settings.
    """

    file: Path
    name: str
    version: str
    bytes: int
    runtime: str

    @classmethod
    def read(cls, file: Path, found: Mapping[str, Any]) -> Archive:
        """Of a file, and what `bert inspect` finds in it."""
        return cls(file, file.stem, str(found["version"]), int(found["bytes"]), str(found["runtime"]))

    @property
    def label(self) -> str:
        """The model's name as names of images and of Kubernetes' objects are written (RFC 1123).

        Raises:
            Failure: nothing of it can be written so.
        """
        label = re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")[:LONGEST_NAME].strip("-")
        if not label or not label[0].isalpha():  # names of services begin with a letter (RFC 1035)
            raise Failure(
                f"{self.name!r} makes no name for an image: that begins with one of a-z and goes on in a-z, 0-9 and -",
                fix="pack it under another: scripts/bert pack FOLDER --name NAME",
            )
        return label

    @property
    def tag(self) -> str:
        """The name of its image, where none is given."""
        return f"{self.label}:{re.sub(r'[^A-Za-z0-9_.-]+', '-', self.version)}"
