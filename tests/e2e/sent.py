"""What tests send over TCP, and whether any log says it: texts, and the keys of those who ask.

Whatever library a test calls, in the end a socket's method gets the bytes; encrypted connections are left out.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

import pytest

STRING = re.compile(rb'"((?:[^"\\]|\\.){12,})"')
FIELD = re.compile(rb"(?:^|&|\r\n\r\n)\w+=([^&\s]{12,})")
KEY = re.compile(rb"(?i)(?:authorization: *bearer|api-key:) *([^\r\n]{8,})")
LOOKED_AT = 1 << 16
"""Bytes of what is sent at once; the rest of a larger body is more of the same."""
LONGEST = 60
"""Bytes of a text that are sought: a log may quote the beginning of it."""
METHODS = ("send", "sendall")


class Sent:
    """Texts and keys that left this process."""

    def __init__(self) -> None:
        self.texts: set[bytes] = set()

    def add(self, data: Any) -> None:
        """Keep what is text in some bytes: with a space, since words alone are names of models and of keys too."""
        some = bytes(memoryview(data)[:LOOKED_AT])
        found = STRING.findall(some) + [unquote_plus(each.decode("latin-1")).encode() for each in FIELD.findall(some)]
        self.texts.update(text[:LONGEST] for text in found if b" " in text.strip())
        self.texts.update(KEY.findall(some))

    def logged(self, folders: Iterable[Path]) -> Iterator[tuple[Path, bytes]]:
        """Logs below the folders, with each text that one of them has."""
        for file in (file for folder in folders for file in sorted(folder.rglob("*")) if is_log(file)):
            content = file.read_bytes()
            yield from ((file, text) for text in sorted(self.texts) if text in content)


def is_log(file: Path) -> bool:
    """Whether a server, a worker or a gateway writes to it as it runs."""
    return file.is_file() and (".log" in file.name or file.parent.name in ("logs", "requests"))


@contextmanager
def listening(sent: Sent) -> Iterator[None]:
    """Add to it what sockets of this process send meanwhile."""
    with pytest.MonkeyPatch.context() as patch:  # it knows what the class had itself, and what it inherits
        for name in METHODS:
            patch.setattr(socket.socket, name, heard(sent, getattr(socket.socket, name)))
        yield


def heard(sent: Sent, method: Callable[..., Any]) -> Callable[..., Any]:
    """The method, which also keeps what it is given, unless for another process' ends of pipes."""

    def send(self: socket.socket, data: Any, *rest: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            sent.add(data)
        return method(self, data, *rest)

    return send
