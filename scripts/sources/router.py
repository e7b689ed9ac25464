"""Routers of sentence-transformers, which send queries and documents through modules of their own.

Source: `Router` of sentence-transformers 6.2, `load` and `_resolve_route_name`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handler.poolings import listed
from handler.types import Side
from scripts.console import Failure
from scripts.files.json_files import load_if_there, load_object, required, value
from scripts.sources import pooling

FILES = ("router_config.json", "config.json")
"""Names its file has had; the first that is there counts."""
ROUTERS = ("Router", "Asym")
WEIGHTS = "SparseStaticEmbedding"
"""What queries may go through instead of an encoder, and nothing else."""
DENSE = r"(Transformer Pooling|StaticEmbedding)( Dense| Dropout| LayerNorm)*( Normalize)?"
Modules = list[tuple[str, Path]]


@dataclass(frozen=True, slots=True)
class Queries:
    """What is done otherwise to queries than to documents.

    Attributes:
        folder: of the table of weights and its tokenizer; None where queries go through the encoder of documents.
        default: the side of a text of which nothing is said; None where that is an error.
        dense: folders of the layers after pooling.
    """

    folder: Path | None
    default: Side | None
    dense: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Routes:
    """The modules of either side, and the side of a text of which nothing is said."""

    query: Modules
    document: Modules
    default: Side | None


def read(modules: Modules, place: Callable[[Path], Path]) -> Routes | None:
    """What queries and documents go through, where one of the modules sends them apart; None where none does.

    None too where a route for queries or for documents is missing, and where other texts take a third one.

    Args:
        modules: classes and folders, as `modules.json` lists them.
        place: looks at the folder of a module, or refuses it.

    Raises:
        Failure: the router's file is missing, or does not hold what it should.
    """
    number = next((number for number, (kind, _) in enumerate(modules) if name_of(kind) in ROUTERS), None)
    if number is None:
        return None
    folder = modules[number][1]
    file = next((folder / name for name in FILES if (folder / name).exists()), folder / FILES[0])
    said = load_if_there(file)
    kinds, routes = required(said, "types", dict, file), required(said, "structure", dict, file)
    parameters = value(said, "parameters", dict, {}, file)
    names = {side: resolved(parameters, routes, side, file) for side in ("query", "document", None)}
    found = {
        side: [
            *modules[:number],
            *((str(kinds[each]), place(folder / each)) for each in routes[name]),
            *modules[number + 1 :],
        ]
        for side, name in names.items()
        if name
    }
    if "query" not in found or "document" not in found:
        return None
    default: Side | None = None
    if None in found:
        default = "query" if found[None] == found["query"] else "document"
        if found[None] != found[default]:
            return None
    return Routes(found["query"], found["document"], default)


def name_of(kind: str) -> str:
    """A class of sentence-transformers by its last name; one of somebody else, which may be any code, in full."""
    return kind.rsplit(".", 1)[-1] if kind.startswith("sentence_transformers.") else kind


def clash(routes: Routes) -> str:
    """Why one archive cannot serve both routes; empty where it can."""
    return next(clashes(routes), "")


def clashes(routes: Routes) -> Iterator[str]:
    """All that the two sides do not share, and an archive has one of."""
    query, document = ([name_of(kind) for kind, _ in each] for each in (routes.query, routes.document))
    if query == [WEIGHTS] and "SpladePooling" in document:
        return
    if not all(re.fullmatch(DENSE, " ".join(names)) for names in (query, document)):
        yield f"queries go through {', '.join(query)}, and documents through {', '.join(document)}"
        return
    first, other = routes.query[0][1], routes.document[0][1]
    if first != other:
        yield f"queries have the encoder in {first.name}, documents the one in {other.name}; an archive has one"
    if "Pooling" in query and pooled(routes.query) != pooled(routes.document):
        yield "queries are pooled by {}, and documents by {}".format(*map(pooled, (routes.query, routes.document)))
    if (query[-1] == "Normalize") != (document[-1] == "Normalize"):
        yield "one side has a module Normalize at its end, and the other has none"
    if routes.default is None:
        yield "a text of which nothing is said has no route; set default_route in its file to query or document"


def pooled(modules: Modules) -> str:
    """How the module behind the encoder pools, for people."""
    file = modules[1][1] / "config.json"
    said = load_object(file)
    prompts = "" if value(said, "include_prompt", bool, True, str(file)) else " without their prompts"
    return f"{listed(pooling.read(file, said))}{prompts}"


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
