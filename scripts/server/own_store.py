"""The archives a server loads: copies in a folder of its own, so that what becomes of the model store harms nobody.

Java reads an archive again when it is started again, which may be days later; what it finds then has to be what was
started. A link would do where an archive is replaced by another file, and not where one is written over.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from zipfile import ZipFile

from scripts.files import space
from scripts.server.state import Loaded

MANIFEST = "MAR-INF/MANIFEST.json"


def version(archive: Path) -> str:
    """The model's version, from the manifest of an archive that `preflight.check_archive` has seen."""
    with ZipFile(archive) as packed:
        return str(json.loads(packed.read(MANIFEST))["model"]["modelVersion"])


def add(store: Path, name: str, archive: Path) -> Loaded:
    """Copy an archive into a server's store.

    Args:
        store: the server's own; made if it is missing.
        name: of the model.
        archive: the file, which stays where it is.

    Returns:
        Its version and its file, whose name tells models and versions apart.

    Raises:
        Failure: the disk is full.
    """
    store.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = version(archive)
    loaded = Loaded(found, file_name(name, found))
    part = store / f".{loaded.file}"
    with space.explained("make room there, or BERT_RUNS=/some/larger/folder", store):
        try:
            shutil.copyfile(archive, part)
            part.replace(store / loaded.file)
        finally:
            part.unlink(missing_ok=True)
    return loaded


def file_name(name: str, version: str) -> str:
    """Of a version's archive in a server's store."""
    return f"{name}-{version}.mar"


def renew(store: Path, archives: Mapping[str, Path]) -> dict[str, Loaded]:
    """Empty a server's store and copy these archives into it, by the names of their models."""
    shutil.rmtree(store, ignore_errors=True)
    return {name: add(store, name, archive) for name, archive in archives.items()}
