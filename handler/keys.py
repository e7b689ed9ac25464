"""Who may ask: a file with a line `name:key` for each person, read again when it changes.

TorchServe's own authorization knows one key for all, makes it anew at each start and never reads it again, and answers
400. So with such a file the worker looks at each request itself.
"""

from __future__ import annotations

import hmac
import os
import re
from collections.abc import Mapping
from hashlib import sha256
from logging import getLogger
from pathlib import Path

from handler.errors import Unauthorized

log = getLogger(__name__)

MIN_KEY_LENGTH = 16
"""Characters of a key; fewer can be guessed."""
LINE = re.compile(rf"([^:\s]+):([!-~]{{{MIN_KEY_LENGTH},}})")
"""A name, and a key of what a header may hold."""
AUTH_HINT = 'send the header "authorization: Bearer KEY"'
UNREADABLE = (0,)
"""In the place of a stamp."""


def parse(text: str) -> tuple[list[tuple[str, str]], list[int]]:
    """Names with their keys, and the numbers of lines that are neither that nor empty nor a comment."""
    found, wrong = [], []
    for number, line in enumerate(map(str.strip, text.splitlines()), 1):
        match = LINE.fullmatch(line)
        if match:
            found.append((match.group(1), match.group(2)))
        elif line and not line.startswith("#"):
            wrong.append(number)
    return found, wrong


def digest(key: str) -> bytes:
    """Of one length, so that comparing takes one time, and so that no key lies in the memory of a worker."""
    return sha256(key.encode(errors="replace")).digest()


def bearer(authorization: str) -> str:
    """The key in a header `authorization`; empty where it has none."""
    scheme, _, key = authorization.partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


class Keys:
    """The keys of a file; without a file everybody may ask."""

    def __init__(self, file: str | None) -> None:
        self.file = Path(file) if file else None
        self.stamp: tuple[int, ...] = ()
        self.digests: list[bytes] = []

    def check(self, headers: Mapping[str, str]) -> None:
        """Let a request pass that carries one of the keys.

        Raises:
            Unauthorized: it carries none of them; all of them, while the file cannot be read.
        """
        if self.file is None:
            return
        key = bearer(headers.get("authorization", ""))
        if not key:
            raise Unauthorized(f"this server requires an API key; {AUTH_HINT}")
        given = digest(key)
        known = [hmac.compare_digest(given, each) for each in self.current(self.file)]  # each of them, found or not
        if not any(known):
            raise Unauthorized(f"unknown or revoked API key; {AUTH_HINT}")

    def current(self, file: Path) -> list[bytes]:
        """Digests of the keys that the file holds now."""
        try:
            about = os.stat(file)
            stamp = (about.st_ino, about.st_size, about.st_mtime_ns)
            if stamp != self.stamp:
                found, wrong = parse(file.read_text())
                self.stamp, self.digests = stamp, [digest(key) for _, key in found]
                log.warning("%d keys loaded; invalid lines: %s", len(found), wrong or "none")
        except (OSError, UnicodeDecodeError) as error:
            if self.stamp != UNREADABLE:
                log.warning("the file of keys cannot be read, and nobody may ask: %s", type(error).__name__)
            self.stamp, self.digests = UNREADABLE, []
        return self.digests
