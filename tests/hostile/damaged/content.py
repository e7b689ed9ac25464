"""What becomes of any file on its way: cut off, garbled, emptied, saved by another editor, replaced."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any

from tests.hostile.configurations import mutations

ENCODINGS = ("utf-16", "utf-16-le", "utf-8-sig", "latin-1", "cp1252", "cp037", "utf-32")
OTHERS = (
    *(b"", b"\0" * 64, b"\xff\xfe", b"PK\x03\x04" + bytes(99), b"\x1f\x8b\x08\x00", b"<html>404</html>"),
    *(b"[" * 99_999, b'{"x":' * 99_999),
)
SOME = 8
"""Bytes that are changed at once, at most."""

Change = Callable[[bytes, Random], bytes]
Way = Callable[[Path, Random], str]
"""A change of one file, which is said to people."""


def place(content: bytes, dice: Random) -> int:
    """One in it; the first of an empty one."""
    return dice.randrange(len(content)) if content else 0


def cut(content: bytes, dice: Random) -> bytes:
    """A part of it, from the beginning."""
    return content[: place(content, dice)]


def garbled(content: bytes, dice: Random) -> bytes:
    """Some bytes are others."""
    changed = bytearray(content)
    for _ in range(dice.randint(1, SOME) if content else 0):
        changed[place(content, dice)] = dice.randrange(256)
    return bytes(changed)


def longer(content: bytes, dice: Random) -> bytes:
    """Something in between that does not belong there."""
    at = place(content, dice)
    return content[:at] + dice.choice((b"\0", b"\n", b"\xc3", b'"', b"}", b"\r", bytes(999))) + content[at:]


def doubled(content: bytes, dice: Random) -> bytes:
    """Twice the same."""
    return content * 2


def replaced(content: bytes, dice: Random) -> bytes:
    """Something else."""
    return dice.choice(OTHERS)


def encoded(content: bytes, dice: Random) -> bytes:
    """A text in another encoding, as far as it has its characters."""
    return content.decode(errors="replace").encode(dice.choice(ENCODINGS), "replace")


def ends(content: bytes, dice: Random) -> bytes:
    """A text with other ends of lines."""
    return content.replace(b"\n", dice.choice((b"\r\n", b"\r", b"\n\n", "\u2028".encode(), b"\0\n", b"")))


CHANGES: Mapping[str, Change] = {
    change.__name__: change for change in (cut, garbled, longer, doubled, replaced, encoded, ends)
}
BINARY = ("cut", "garbled", "longer", "doubled", "replaced")
"""Those that a file without text may see."""


def change(file: Path, dice: Random, names: tuple[str, ...] = tuple(CHANGES)) -> str:
    """One change of a file's bytes, or of what lies in its place; what was done, for people."""
    if dice.random() < 0.1:
        return PLACES[name := dice.choice(sorted(PLACES))](file) or f"{file.name} {name}"
    name = dice.choice(names)
    file.write_bytes(CHANGES[name](file.read_bytes(), dice))
    return f"{file.name} {name}"


def missing(file: Path) -> None:
    """It is not there."""
    file.unlink()


def folder(file: Path) -> None:
    """A folder has its name."""
    file.unlink()
    file.mkdir()


def dangling(file: Path) -> None:
    """A link that leads nowhere."""
    file.unlink()
    file.symlink_to("nowhere")


def circular(file: Path) -> None:
    """A link to itself."""
    file.unlink()
    file.symlink_to(file.name)


PLACES: Mapping[str, Callable[[Path], None]] = {made.__name__: made for made in (missing, folder, dangling, circular)}


def swap(file: Path, others: list[Path], dice: Random) -> str:
    """The file of the same name of another folder."""
    other = dice.choice(others)
    shutil.copyfile(other, file)
    return f"{file.name} of {other.parent.name}"


def edit(file: Path, keys: tuple[str, ...], dice: Random) -> str:
    """One value of a JSON file."""
    content: dict[str, Any] = json.loads(file.read_text())
    said = mutations.alter(content, dice.choice(sorted({*content, *keys})), dice)
    file.write_text(json.dumps(content))
    return f"{file.name}: {said}"
