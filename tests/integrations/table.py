"""Rows as a Markdown table, on stdout and in the file that keeps the last ones of each page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from scripts.paths import ROOT
from tests.integrations.running import Row

FILE = ROOT / "tests" / "integrations" / "results" / "integrations.md"
HEAD = "| page | language | packages | block | outcome | seconds | day |\n|---|---|---|---|---|---|---|\n"
TITLE = "# Integrations, as they were run last\n\n`python -m tests.integrations --write`\n\n"


def markdown(rows: Sequence[Row]) -> str:
    """A table of these."""
    return HEAD + "".join(map(line, rows))


def line(row: Row) -> str:
    """One row, with which text of the block was run."""
    return (
        f"| {link(row.page)} | {row.language} | {', '.join(row.packages)} | `{row.digest}` "
        f"| {row.wrong.replace('|', chr(92) + '|') or 'passed'} | {row.seconds:.0f} | {date.today():%Y-%m-%d} |\n"
    )


def link(page: str) -> str:
    """To a page, by its name."""
    return f"[{page}](../../../docs/integrations/{page}.md)"


def write(rows: Sequence[Row]) -> None:
    """Put them in the place of those of the same pages, in the order of pages."""
    pages = {link(row.page) for row in rows}
    kept = [each for each in FILE.read_text("utf-8").splitlines(keepends=True) if each.startswith("| [")]
    kept = [each for each in kept if each.split(" | ")[0].removeprefix("| ") not in pages]
    lines = sorted([*kept, *map(line, rows)], key=lambda each: each.split("]")[0])
    FILE.write_text(TITLE + HEAD + "".join(lines), encoding="utf-8")
