"""A page's blocks, run one after the other against a server."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from tests.clients import environments
from tests.clients.libraries import Library
from tests.clients.running import LIMIT, QUIET, last
from tests.integrations import services
from tests.integrations.pages import Page, digest


@dataclass(frozen=True)
class Row:
    """What came of one block.

    Attributes:
        packages: with their versions; of a shell's block none.
        digest: of the block; see `pages.digest`.
        wrong: the last line of what it said when it failed, empty where it passed.
        seconds: that it took, without installing.
    """

    page: str
    language: str
    packages: tuple[str, ...]
    digest: str
    wrong: str
    seconds: float


def command(script: Library | Path) -> list[str]:
    """What runs a block, in an environment that has been made if there was none."""
    return environments.command(script) if isinstance(script, Library) else ["bash", "-euo", "pipefail", str(script)]


def run(page: Page, folder: Path, url: str) -> Iterator[Row]:
    """Its blocks, one after the other, in a folder of the page's own."""
    here = folder / f"{page.name}-files"
    here.mkdir()
    with ExitStack() as stack:
        more: dict[str, str] = {}
        for (language, script), (_, text) in zip(page.scripts(folder, url), page.blocks, strict=True):
            packages = script.pins if isinstance(script, Library) else ()
            words = command(script)
            if not more and page.name in services.SERVICES:
                more = stack.enter_context(services.SERVICES[page.name](Path(words[0])))
            began = monotonic()
            result = subprocess.run(
                words, cwd=here, env=os.environ | QUIET | more, capture_output=True, text=True, timeout=LIMIT
            )
            sys.stderr.write(result.stderr if result.returncode else "")
            wrong = (last(result.stderr) or f"ended with {result.returncode}") if result.returncode else ""
            yield Row(page.name, language, packages, digest(text), wrong, monotonic() - began)
