"""Swagger UI to an archive, from the package swagger-ui-py; it is left out where that is missing, as in an image."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

from handler.protocols.swagger import FOLDER, VENDORED

LICENSE = "LICENSE"


def installed() -> dict[str, Path]:
    """Its files by their names in an archive; none where the package is not installed. It is not imported."""
    found = find_spec("swagger_ui")
    if found is None or found.origin is None:
        return {}
    folder = Path(found.origin).parent / "static"
    return {f"{FOLDER}/{name}": folder / name for name in (*VENDORED, LICENSE)}


def write(target: Path) -> None:
    """Put them into what is laid out for an archive."""
    for name, file in installed().items():
        (target / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(file, target / name)
