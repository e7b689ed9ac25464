"""The verb that looks into an archive: `inspect`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from scripts.console import out, print_json, printable
from scripts.paths import MODEL_STORE
from scripts.verbs.options import Json, Store
from scripts.verbs.tab import archives

SHOWN = ("model", "version", "packed", "task", "tasks", "runtime", "dtype", "max_length", "pooling", "normalize")


def inspect(
    archive: Annotated[
        str, typer.Argument(help="name of an archive in the store, or path of a .mar file", autocompletion=archives)
    ],
    store: Store = MODEL_STORE,
    as_json: Json = False,
) -> None:
    """Show the contents and the origin of an archive, and verify the checksum of every entry.

    Example: scripts/bert inspect bert
    """
    from scripts.packing import inspection  # torch takes seconds to import

    file = Path(archive)
    found = inspection.inspect(file if file.suffix == ".mar" else store / f"{archive}.mar")
    if as_json:
        print_json(found)
        return
    for line in lines(found):
        out.print(printable(line))
    table = Table("file", "bytes", "sha256")
    for entry in found["files"]:
        table.add_row(printable(entry["name"]), f"{entry['bytes']:,}", entry["sha256"])
    out.print(table)


def lines(found: dict[str, Any]) -> Iterator[str]:
    """All but its files; a name in an archive may hold line breaks."""
    for key in SHOWN:
        value = found[key]
        yield f"{key:<12} {', '.join(value) if isinstance(value, list) else value}"
    yield from provenance_lines(found["origin"] or {})
    for note in found["notes"]:
        yield f"{'note':<12} {note}"
    for name in found["unsafe"]:
        yield f"{'unsafe':<12} {name} leads out of the folder that the archive is unpacked into; start refuses it"


def provenance_lines(origin: dict[str, Any]) -> list[str]:
    """Where it came from, one line each."""
    lines = [f"{key:<12} {origin[key]}" for key in ("source", "revision") if origin.get(key)]
    for key, words in (("made_from", "made from"), ("files", "packed from")):
        lines += [f"{words:<12} {name} {digest}" for name, digest in origin.get(key, {}).items()]
    return lines
