"""Rows as a Markdown table, on stdout and in the page that has it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from scripts.paths import ROOT
from tests.clients.libraries import Library
from tests.clients.running import Row

PAGE = ROOT / "docs" / "client-libraries.md"
BEGIN = "<!-- table, by `python -m tests.clients --write` -->\n"
HEAD = "| library | what is called | base address | checks | seconds |\n|---|---|---|---|---|\n"


def markdown(rows: Sequence[Row]) -> str:
    """One line each."""
    return HEAD + "".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells(row))} |\n" for row in rows
    )


def cells(row: Row) -> tuple[str, ...]:
    """Of one row."""
    passed = f"{row.checks} of {row.checks}" if not row.wrong else f"WRONG: {'; '.join(row.wrong)}"
    return (title(row.library), row.library.calls, row.library.address, passed, f"{row.seconds:.0f}")


def title(library: Library) -> str:
    """Packages and versions."""
    language = " (JavaScript)" if library.name.startswith("javascript/") else ""
    return ", ".join(pin.replace("==", " ") for pin in library.pins) + language


def write(rows: Sequence[Row], page: Path = PAGE) -> None:
    """Replace the page's table."""
    text, count = re.subn(
        re.escape(BEGIN) + r"(?:\|.*\n)*", lambda _: BEGIN + markdown(rows), page.read_text(encoding="utf-8")
    )
    if count != 1:
        raise ValueError(f"{page.name} has {count} lines {BEGIN.strip()!r} where the table goes: it needs one")
    page.write_text(text, encoding="utf-8")
