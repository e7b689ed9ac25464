"""Rows as a Markdown table, on stdout and in the file that keeps the last ones of all pages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from scripts.paths import ROOT
from tests.integrations.running import Row

FILE = ROOT / "tests" / "integrations" / "results" / "integrations.md"
HEAD = "| page | language | packages | block | outcome | seconds |\n|---|---|---|---|---|---|\n"


def markdown(rows: Sequence[Row]) -> str:
    """One line each, with which text of the block was run."""
    return HEAD + "".join(
        f"| [{row.page}](../../../docs/integrations/{row.page}.md) | {row.language} | {', '.join(row.packages)} "
        f"| `{row.digest}` | {row.wrong.replace('|', chr(92) + '|') or 'passed'} | {row.seconds:.0f} |\n"
        for row in rows
    )


def write(rows: Sequence[Row]) -> None:
    """Replace the file."""
    title = f"# Integrations, as run on {date.today():%Y-%m-%d}\n\n`python -m tests.integrations --write`\n\n"
    FILE.write_text(title + markdown(rows), encoding="utf-8")
