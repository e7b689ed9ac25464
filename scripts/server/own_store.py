"""The archives a server loads: links in a folder of its own, so that a file replaced in the model store harms nobody.

Java reads an archive again when it is started again, which may be days later; what it finds then has to be what was
started. `pack` replaces an archive by another file, and the link keeps the one that was there.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from zipfile import ZipFile

from scripts.server.state import Loaded

MANIFEST = "MAR-INF/MANIFEST.json"


def version(archive: Path) -> str:
    """The model's version, from the manifest of an archive that `preflight.check_archive` has seen."""
    with ZipFile(archive) as packed:
        return str(json.loads(packed.read(MANIFEST))["model"]["modelVersion"])


def add(store: Path, name: str, archive: Path) -> Loaded:
    """Link an archive into a server's store.

    Args:
        store: the server's own; made if it is missing.
        name: of the model.
        archive: the file, which stays where it is.

    Returns:
        Its version and its link, whose name tells models and versions apart.
    """
    store.mkdir(mode=0o700, parents=True, exist_ok=True)
    loaded = Loaded(version(archive), f"{name}-{version(archive)}.mar")
    link = store / loaded.file
    link.unlink(missing_ok=True)
    try:
        os.link(archive.resolve(), link)
    except OSError:  # on another file system, or of another user
        shutil.copyfile(archive, link)
    return loaded


def renew(store: Path, archives: Mapping[str, Path]) -> dict[str, Loaded]:
    """Empty a server's store and link these archives into it, by the names of their models."""
    shutil.rmtree(store, ignore_errors=True)
    return {name: add(store, name, archive) for name, archive in archives.items()}
