"""A folder in another's place: links to its files, but for those that are to be written anew."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from fnmatch import fnmatch
from pathlib import Path


def substitute(folder: Path, without: Sequence[str]) -> Path:
    """A folder of the same name, which is there until the process ends; hidden files are left out.

    Args:
        folder: any.
        without: patterns of paths within it that are not linked.
    """
    made = Path(tempfile.mkdtemp(prefix="bert-checkpoint-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    here = made / folder.resolve().name
    here.mkdir()
    paths = {path: str(path.relative_to(folder)) for path in folder.rglob("*")}
    link((path for path, name in paths.items() if not any(fnmatch(name, each) for each in without)), folder, here)
    return here


def link(files: Iterable[Path], folder: Path, here: Path) -> None:
    """Put links to a folder's files into another one, in the place of those that have their names there."""
    for file in files:
        within = file.relative_to(folder)
        if file.is_file() and not any(part.startswith(".") for part in within.parts):
            (here / within).parent.mkdir(parents=True, exist_ok=True)
            (here / within).unlink(missing_ok=True)
            (here / within).symlink_to(file.resolve())
