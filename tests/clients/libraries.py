"""The libraries there is a script for: their pins, and what the script says of itself."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
METADATA = re.compile(r"^# /// script\n((?:#.*\n)+?)# ///$", re.MULTILINE)
"""PEP 723."""


@dataclass(frozen=True)
class Library:
    """One library and the script that uses it.

    Attributes:
        name: the script's folder and its own name, `python/openai`.
        script: what is run.
        pins: of the packages it needs, as their installer reads them; that of the library itself is the first.
        calls: what of the library it calls.
        address: which base address the library wants.
    """

    name: str
    script: Path
    pins: tuple[str, ...]
    calls: str
    address: str


def python(script: Path) -> Library:
    """Its pins and its address are in its inline metadata, what it calls is the first paragraph of its docstring."""
    source = script.read_text()
    found = METADATA.search(source)
    if found is None:
        raise ValueError(f"{script} has no block '# /// script' (PEP 723): add one with its pinned dependencies")
    metadata = tomllib.loads(re.sub(r"^# ?", "", found[1], flags=re.MULTILINE))
    calls = " ".join((ast.get_docstring(ast.parse(source)) or "").partition("\n\n")[0].split())
    return Library(
        f"python/{script.stem}", script, tuple(metadata["dependencies"]), calls, metadata["tool"]["client"]["address"]
    )


def javascript(manifest: Path) -> Library:
    """The same from `package.json`: `dependencies`, `description`, and `client.address`."""
    package = json.loads(manifest.read_text())
    pins = tuple(f"{name}=={version}" for name, version in package["dependencies"].items())
    name = f"javascript/{manifest.parent.name}"
    return Library(name, manifest.with_name("use.mjs"), pins, package["description"], package["client"]["address"])


def find(*words: str) -> list[Library]:
    """All of them, or those whose name contains one of the words."""
    scripts = [python(script) for script in sorted((HERE / "python").glob("*.py"))]
    scripts += [javascript(manifest) for manifest in sorted((HERE / "javascript").glob("*/package.json"))]
    return [library for library in scripts if not words or any(word in library.name for word in words)]
