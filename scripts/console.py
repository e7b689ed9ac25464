"""What the operator sees: progress on stderr, results on stdout, failures with their fix."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any

import orjson
from rich.console import Console

WIDE = None if sys.stdout.isatty() else 160  # columns of a table that goes into a file or a pipe
out = Console(highlight=False, soft_wrap=True, markup=False, emoji=False, width=WIDE)
err = Console(highlight=False, soft_wrap=True, markup=False, emoji=False, stderr=True)

LINES = "\n\t"
"""Control characters of a text of several lines."""


def printable(text: str, kept: str = "") -> str:
    r"""Control characters as `\n`, `\x1b` and the like: what a name in a file says is no command to a terminal."""
    return "".join(
        letter if letter.isprintable() or letter in kept else letter.encode("unicode_escape").decode()
        for letter in text
    )


class Failure(Exception):
    """A verb that could not do its work.

    Attributes:
        what: what failed, with the names and numbers that clash.
        why: the cause, such as the worker's traceback; may have several lines, may be empty.
        fix: the command or setting that helps.
    """

    def __init__(self, what: str, fix: str = "", why: str = "") -> None:
        super().__init__(what)
        self.what, self.why, self.fix = what, why, fix

    def show(self) -> None:
        """Print it on stderr."""
        err.print(f"failed: {printable(self.what, LINES)}", style="red")
        if self.why:
            err.print(printable(self.why, LINES))
        if self.fix:
            err.print(f"to fix: {printable(self.fix, LINES)}", style="yellow")


@dataclass(frozen=True, slots=True)
class Finding:
    """One check.

    Attributes:
        name: what was looked at.
        ok: whether it is as it should be.
        detail: what was found.
        fix: what to do; empty when there is nothing to do.
    """

    name: str
    ok: bool
    detail: str
    fix: str = ""


@contextmanager
def step(title: str) -> Iterator[None]:
    """Show that something long is going on, and afterwards how long it took."""
    start = monotonic()
    if err.is_terminal:
        with err.status(title):
            yield
    else:
        err.print(f"{title} ...")
        yield
    err.print(f"{title}: {monotonic() - start:.1f} s")


def print_json(value: Any) -> None:
    """The machine-readable form of a verb's result."""
    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() + "\n")
