"""Files of a checkpoint that did not arrive whole."""

from __future__ import annotations

import json
from pathlib import Path
from shlex import quote
from shutil import which

from scripts.console import Failure

POINTER = b"version https://git-lfs.github.com/spec/"
"""How a file begins that stands for one which Git LFS has not fetched (`docs/spec.md` of git-lfs/git-lfs)."""
AGAIN = "copy it again, or save the model again with save_pretrained"


def check(file: Path) -> None:
    """Refuse a file that is missing or empty, only points at what it should hold, or was cut off.

    Raises:
        Failure: it is one of these.
    """
    if not file.is_file():
        raise Failure(f"{file} is missing", fix="copy every file of the checkpoint into the folder")
    size = file.stat().st_size
    with file.open("rb") as opened:
        start = opened.read(len(POINTER))
    if start == POINTER:
        raise Failure(f"{file} ({size} bytes) is a pointer of Git LFS, and not the file itself", fix=fetch(file.parent))
    if not size:
        raise Failure(f"{file} is empty", fix=AGAIN)
    if file.suffix == ".safetensors":
        check_length(file, size)


def fetch(folder: Path) -> str:
    """What brings the files that pointers stand for: Git LFS in a clone, and elsewhere nothing here."""
    if not any((each / ".git").exists() for each in (folder.resolve(), *folder.resolve().parents)):
        return "copy the file itself from where the folder is from, or: scripts/bert pull HUB-ID"
    install = "" if which("git-lfs") else "install git-lfs (Debian, Ubuntu: apt install git-lfs; macOS: brew), then "
    return f"{install}git -C {quote(str(folder))} lfs pull"


def check_length(file: Path, size: int) -> None:
    """Refuse a safetensors file without all of the bytes that its header tells of.

    Format: https://github.com/huggingface/safetensors#format

    Raises:
        Failure: some are missing, or it has no such header.
    """
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        try:
            header = json.loads(opened.read(min(length, size)))
            ends = [each["data_offsets"][1] for name, each in header.items() if name != "__metadata__"]
        except (AttributeError, LookupError, RecursionError, TypeError, ValueError):
            raise Failure(
                f"{file} ({size} bytes) does not load: it has no whole header of a safetensors file", fix=AGAIN
            ) from None
    whole = 8 + length + max(ends, default=0)
    if size < whole:
        raise Failure(f"{file} does not load: it was cut off at {size} of {whole} bytes", fix=AGAIN)
