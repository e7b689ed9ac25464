"""Prose that is on every machine, the same in every run: what Python's standard library says of itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np

MODULES = (
    "argparse collections csv datetime email.message http.client logging pathlib pickle random socket statistics "
    "string subprocess textwrap threading typing unittest.case urllib.parse zipfile"
)
SHORTEST, LONGEST = 60, 800
"""Characters of a paragraph: less is a heading, more a table."""


def paragraphs() -> list[str]:
    """In an order that mixes the modules, each on one line."""
    found = [paragraph for module in MODULES.split() for paragraph in documentation(module)]
    return [found[number] for number in np.random.default_rng(0).permutation(len(found))]


def documentation(module: str) -> Iterator[str]:
    """Paragraphs of a module's docstrings, which is read and not imported."""
    described = find_spec(module)
    assert described is not None
    assert described.origin is not None
    tree = ast.parse(Path(described.origin).read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            for paragraph in (ast.get_docstring(node) or "").split("\n\n"):
                line = " ".join(paragraph.split())
                if SHORTEST <= len(line) <= LONGEST:
                    yield line
