"""A page of `docs/integrations`: the packages that it says to install, and its blocks of code."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from scripts.paths import ROOT
from tests.clients.libraries import Library

FOLDER = ROOT / "docs" / "integrations"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INSTALL = re.compile(r"^(pip|npm) install (.+)$", re.MULTILINE)
TOOLS = {"python": "pip", "javascript": "npm"}
"""What installs for a language."""
ADDRESS = "http://localhost:8080"
SUFFIXES = {"python": ".py", "javascript": ".mjs"}


@dataclass(frozen=True)
class Page:
    """One page.

    Attributes:
        name: of its file, without the suffix.
        blocks: language and text of each that can be run, from top to bottom.
        installed: by language, the packages of its line `pip install` or `npm install`.
    """

    name: str
    blocks: tuple[tuple[str, str], ...]
    installed: dict[str, tuple[str, ...]] = field(hash=False)

    def scripts(self, folder: Path, url: str) -> Iterator[tuple[str, Library | Path]]:
        """Its blocks as files that ask a server: a library's with its environment, or a shell's.

        Args:
            folder: where they are written.
            url: of the server, put in the place of `ADDRESS`.
        """
        for number, (language, text) in enumerate(self.blocks, 1):
            here = folder / f"{self.name}-{number}"
            here.mkdir()
            script = here / f"use{SUFFIXES.get(language, '.sh')}"
            script.write_text(text.replace(ADDRESS, url))
            pins = self.installed.get(language, ())
            if language == "javascript":
                versions = dict(pin.rsplit("@", 1) for pin in pins)
                (here / "package.json").write_text(json.dumps({"type": "module", "dependencies": versions}))
            name = f"{language}/docs-{self.name}"
            yield language, Library(name, script, pins, "", "") if language in TOOLS else script


def read(file: Path) -> Page:
    """A file's."""
    text = file.read_text(encoding="utf-8")
    blocks = tuple((language, code) for language, code in BLOCK.findall(text) if language in (*TOOLS, "sh"))
    lines = {tool: tuple(words.split()) for tool, words in INSTALL.findall(text)}
    return Page(file.stem, blocks, {language: lines[tool] for language, tool in TOOLS.items() if tool in lines})


def digest(block: str) -> str:
    """Of a block's text, so that a table of what was run tells whether it is still what the page has."""
    return sha256(block.encode()).hexdigest()[:12]


def find(*words: str) -> list[Page]:
    """All that have code, or those whose name contains one of the words."""
    found = [read(file) for file in sorted(FOLDER.glob("*.md"))]
    return [page for page in found if page.blocks and (not words or any(word in page.name for word in words))]
