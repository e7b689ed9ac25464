"""Routers of sentence-transformers in which a query's words have weights from a table, and documents have an encoder.

Source: `Router` of sentence-transformers 6.2, `load` and `_resolve_route_name`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handler.types import Side
from scripts.console import Failure
from scripts.files.json_files import load_if_there, required, value

FILES = ("router_config.json", "config.json")
"""Names its file has had; the first that is there counts."""
QUERY = "SparseStaticEmbedding"
"""What queries go through, and nothing else."""
Modules = list[tuple[str, Path]]


@dataclass(frozen=True, slots=True)
class Queries:
    """Where queries get their weights.

    Attributes:
        folder: of the table and its tokenizer.
        default: the side of a text of which nothing is said; None where that is an error.
    """

    folder: Path
    default: Side | None


def read(folder: Path, place: Callable[[str], Path]) -> tuple[Queries, Modules] | None:
    """What queries and documents go through; None where queries go through anything but a table of weights.

    Args:
        folder: of the router.
        place: makes a folder of a module's path, or refuses it.

    Raises:
        Failure: the file is missing, or does not hold what it should.
    """
    file = next((folder / name for name in FILES if (folder / name).exists()), folder / FILES[0])
    said = load_if_there(file)
    kinds, routes = required(said, "types", dict, file), required(said, "structure", dict, file)
    parameters = value(said, "parameters", dict, {}, file)
    names = {side: resolved(parameters, routes, side, file) for side in ("query", "document", None)}
    modules = {side: [(str(kinds[each]), place(each)) for each in routes[name]] for side, name in names.items() if name}
    if "query" not in modules or "document" not in modules or len(modules["query"]) != 1:
        return None
    kind, table = modules["query"][0]
    if not kind.startswith("sentence_transformers.") or kind.rsplit(".", 1)[-1] != QUERY:
        return None
    default: Side | None = None
    if names[None]:
        default = "query" if modules[None] == modules["query"] else "document"
        if modules[None] != modules[default]:
            return None
    return Queries(table, default), modules["document"]


def resolved(parameters: Mapping[str, Any], routes: Mapping[str, Any], side: str | None, file: Path) -> str | None:
    """The name of the route that a text of that side takes; None where it has none."""
    mappings = mapped(value(parameters, "route_mappings", dict, {}, file), file)
    for key in ((side, "text"), (side, None), (None, "text"), (None, None)):
        if key in mappings:
            return known(mappings[key], routes, file)
    for name in (side, "text"):
        if name in routes:
            return name
    if side is not None:
        return None
    default = value(parameters, "default_route", str, None, file)
    if default is None and value(parameters, "allow_empty_key", bool, True, file):
        default = next(iter(routes), None)
    return default if default is None else known(default, routes, file)


def known(name: str, routes: Mapping[str, Any], file: Path) -> str:
    """The name of a route that is there."""
    if name not in routes:
        raise Failure(f"{file} names the route {name!r} and has {', '.join(routes)}", fix="name one of these there")
    return name


def mapped(said: Mapping[str, Any], file: Path) -> dict[Any, str]:
    """Routes by side and modality, which the file has as the text of a tuple."""
    try:
        return {ast.literal_eval(key): str(name) for key, name in said.items()}
    except (SyntaxError, ValueError):
        raise Failure(
            f"route_mappings of {file} has the keys {', '.join(said)}",
            fix="write each as a tuple of side and modality, such as \"('query', 'text')\"",
        ) from None
