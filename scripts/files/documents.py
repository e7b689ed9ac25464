"""Files that a person reads, which are there whole or not at all."""

from __future__ import annotations

import shlex
import tempfile
from pathlib import Path

from scripts.console import Failure


def check_writable(*files: Path | None) -> None:
    """Find out before an hour of work whether its outcome can be written, where it is wanted.

    Raises:
        Failure: there is no such folder, it is no file, or nothing can be written there.
    """
    for file in filter(None, files):
        if file.is_dir():
            raise Failure(f"{file} is a folder", fix="name a file in it")
        if not file.parent.exists():  # which may be a slip: nobody looks for results in a new folder elsewhere
            folder = shlex.quote(str(file.parent))
            raise Failure(f"{file} cannot be written: there is no folder {file.parent}", fix=f"mkdir -p {folder}")
        try:
            with tempfile.TemporaryFile(dir=file.parent):
                pass
        except OSError as error:
            raise Failure(f"{file} cannot be written: {error.strerror}", fix="name a file in another folder") from None


def write(file: Path, text: str) -> None:
    """The whole text in one step, in UTF-8.

    Raises:
        OSError: it cannot be written; what was there before stays.
    """
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}-", dir=file.parent)
    part = Path(name)
    try:
        with open(descriptor, "w", encoding="utf-8") as opened:
            opened.write(text)
        part.chmod(0o644)  # a temporary file is private
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
