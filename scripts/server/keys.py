"""The file of keys that `start --keys` takes, and `start --auth` makes; workers read it, see `handler/keys.py`."""

from __future__ import annotations

import hmac
import os
import secrets
import shlex
from collections.abc import Sequence
from pathlib import Path

from handler.keys import MIN_KEY_LENGTH, bearer, digest, parse
from scripts.console import Failure
from scripts.files import private
from scripts.server import state

GROUP, OTHERS = 0o070, 0o007
MANAGEMENT = "management"
"""The name whose key opens the management API to other users of the machine, too."""
MADE = ("inference", MANAGEMENT)
"""Names of the keys that `start --auth` makes."""
RANDOM_BYTES = 24


def own(inference_port: int) -> Path:
    """The file that `start --auth` makes for the server on that port."""
    return state.folder(inference_port).resolve() / "keys"


def made(file: Path) -> Path:
    """The file, with new keys if it is not there: they stay from start to start, as those of `--keys` do.

    Raises:
        Failure: it is there, and is not as it should be.
    """
    if not file.exists():
        lines = [f"{name}:{secrets.token_urlsafe(RANDOM_BYTES)}\n" for name in MADE]
        private.write(file, "".join(lines).encode())
    check(file)
    return file


def check(file: Path) -> None:
    """Refuse a file that others may read, that holds something else than keys, or one key or name twice.

    Raises:
        Failure: with the number of the line, and never with what is in it.
    """
    about = file.stat()
    lent = about.st_uid == 0 != os.geteuid()  # as Kubernetes lends a Secret: root's, for a group that only the pod has
    if about.st_mode & (OTHERS if lent else OTHERS | GROUP):
        raise Failure(f"others may read {file}", fix=f"chmod 600 {file}")
    found, wrong = parse(file.read_text(errors="replace"))
    if wrong or not found:
        where = f"line {wrong[0]} of {file} is not a" if wrong else f"{file} holds no"
        what = f"{where} line NAME:KEY; a key has at least {MIN_KEY_LENGTH} characters and no spaces"
        raise Failure(what, fix=to_make(file))
    for what, values in zip(("name", "key"), zip(*found, strict=True), strict=True):
        if len(set(values)) < len(values):
            raise Failure(
                f"{file} holds one {what} twice" + (f": {twice(values)}" if what == "name" else ""),
                fix="give each person a name and a key of their own, so that one can be revoked",
            )


def to_make(file: Path) -> str:
    """A command that adds a key."""
    name = shlex.quote(str(file))
    return f"python3 -c 'import secrets; print(\"NAME:\" + secrets.token_urlsafe(24))' >> {name}; chmod 600 {name}"


def twice(values: Sequence[str]) -> str:
    """The first one that is there again."""
    return next(value for number, value in enumerate(values) if value in values[:number])


def manages(file: Path, authorization: str) -> bool:
    """Whether this header holds the key of the name `management`, as the file is now."""
    try:
        found, _ = parse(file.read_text())
    except (OSError, UnicodeDecodeError):
        return False
    given = digest(bearer(authorization))
    return any(name == MANAGEMENT and hmac.compare_digest(given, digest(key)) for name, key in found)


def names(file: Path) -> list[str]:
    """Of its keys."""
    found, _ = parse(file.read_text(errors="replace")) if file.exists() else ([], [])
    return [name for name, _ in found]


def trouble(file: Path) -> str:
    """Why workers know no key, and nobody may ask; empty if they do."""
    try:
        return "" if parse(file.read_text())[0] else f"{file} holds no key"
    except (OSError, UnicodeDecodeError) as error:
        return f"{file} cannot be read: {getattr(error, 'strerror', None) or error}"


def first(file: Path) -> str:
    """The key with which this command asks its own server.

    Raises:
        Failure: there is none any more.
    """
    found, _ = parse(file.read_text(errors="replace")) if file.exists() else ([], [])
    if not found:
        raise Failure(f"{file} no longer holds a key", fix=to_make(file))
    return found[0][1]
