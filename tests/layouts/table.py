"""Verdicts as Markdown: a short table by kind, the worst first, and one of all folders, in the page that has them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from scripts.paths import ROOT
from tests.layouts.verdicts import FAULTS, REFUSED, VERDICTS, Verdict

PAGE = ROOT / "docs" / "checkpoints.md"
BEGIN, END = "<!-- table, by `python -m tests.layouts --write` -->\n", "<!-- end of table -->\n"
HEAD = "| folder | what becomes of it | runtime | largest difference | |\n|---|---|---|---|---|\n"
ROW = re.compile(r"^\| ([^|]+: [^|]+) \| ([^|]+) \| .*\n", re.M)
"""Title and verdict of a folder."""


def by_kind(said: Mapping[str, str]) -> str:
    """How many of each kind, kinds with faults first; `said` is the verdict by title."""
    kinds = dict.fromkeys(map(kind, said))
    counts = {name: Counter(each for title, each in said.items() if kind(title) == name) for name in kinds}
    shown = [each for each in VERDICTS if each in said.values()]
    lines = [f"| kind | {' | '.join(shown)} |", "|---|" + "---|" * len(shown)]
    for name in sorted(kinds, key=lambda name: [-counts[name][each] for each in VERDICTS]):
        lines.append(f"| {name} | {' | '.join(str(counts[name][each]) for each in shown)} |")
    total = Counter(said.values())
    return "\n".join([*lines, f"| all {len(said)} | {' | '.join(str(total[each]) for each in shown)} |"])


def kind(title: str) -> str:
    """Of a layout."""
    return title.split(": ", 1)[0]


def line(verdict: Verdict) -> str:
    """One row."""
    apart = f"{verdict.largest:.1e}" if verdict.compared else ""
    if verdict.compared and verdict.said == REFUSED:
        apart += " with `--task hidden-states`"
    words = " ".join([verdict.detail, *([f"*To fix:* {verdict.remedy}"] if verdict.remedy else [])])
    cells = (verdict.title, verdict.said, verdict.runtime, apart, words)
    return f"| {' | '.join(cell.replace('|', '/').replace('<', '&lt;') for cell in cells)} |\n"


def write(found: Sequence[Verdict], titles: Sequence[str], page: Path = PAGE) -> None:
    """Put these folders' rows into the page, where rows of other folders stay.

    Args:
        found: what was judged.
        titles: of all folders, in the order of the table; rows of others go.
        page: with the two marks.
    """
    text = page.read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ValueError(f"{page.name} needs one {BEGIN.strip()!r} and one {END.strip()!r}")
    before, rest = text.split(BEGIN)
    old, after = rest.split(END)
    rows = {row[1]: row[0] for row in ROW.finditer(old)} | {verdict.title: line(verdict) for verdict in found}
    kept = {title: rows[title] for title in titles if title in rows}
    said = {title: matched[2] for title, row in kept.items() if (matched := ROW.match(row))}
    page.write_text(f"{before}{BEGIN}{by_kind(said)}\n\n{HEAD}{''.join(kept.values())}{END}{after}", encoding="utf-8")


def faults(found: Sequence[Verdict]) -> bool:
    """Whether one is served wrongly, does not start or fails without a reason."""
    return any(verdict.said in FAULTS for verdict in found)
