"""Verdicts as Markdown: a short table by kind, the worst first, and all folders for the page."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from scripts.paths import ROOT
from tests.layouts.verdicts import EQUAL, FAULTS, VERDICTS, Verdict

PAGE = ROOT / "docs" / "checkpoints.md"
BEGIN, END = "<!-- table, by `python -m tests.layouts --write` -->\n", "<!-- end of table -->\n"
HEAD = "| folder | what becomes of it | runtime | largest difference |\n|---|---|---|---|\n"


def by_kind(found: Sequence[Verdict]) -> str:
    """How many of each kind, kinds with faults first."""
    kinds = dict.fromkeys(kind(each) for each in found)
    counts = {name: Counter(each.said for each in found if kind(each) == name) for name in kinds}
    shown = [said for said in VERDICTS if any(counts[name][said] for name in kinds)]
    lines = [f"| kind | {' | '.join(shown)} |", "|---|" + "---|" * len(shown)]
    for name in sorted(kinds, key=lambda name: [-counts[name][said] for said in VERDICTS]):
        lines.append(f"| {name} | {' | '.join(str(counts[name][said]) for said in shown)} |")
    total = Counter(each.said for each in found)
    return "\n".join([*lines, f"| all {len(found)} | {' | '.join(str(total[said]) for said in shown)} |"])


def kind(verdict: Verdict) -> str:
    """Of its layout."""
    return verdict.title.split(": ", 1)[0]


def line(verdict: Verdict) -> str:
    """One row."""
    said = f"**{verdict.said}**" if verdict.said in FAULTS else verdict.said
    words = [
        said,
        f": {verdict.detail}" if verdict.detail else "",
        f" *To fix:* {verdict.remedy}" * bool(verdict.remedy),
    ]
    apart = f"{verdict.largest:.1e}" if verdict.compared else ""
    if verdict.compared and verdict.said not in (EQUAL, *FAULTS):
        apart += " with `--task hidden-states`"
    cells = (verdict.title, "".join(words), verdict.runtime, apart)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|').replace('<', '&lt;') for cell in cells)} |\n"


def whole(found: Sequence[Verdict]) -> str:
    """Every folder, in the order of the catalogue."""
    return HEAD + "".join(map(line, found))


def write(found: Sequence[Verdict], page: Path = PAGE) -> None:
    """Replace the page's tables."""
    made = f"{BEGIN}{by_kind(found)}\n\n{whole(found)}{END}"
    text, count = re.subn(
        re.escape(BEGIN) + r".*?" + re.escape(END), lambda _: made, page.read_text(encoding="utf-8"), flags=re.S
    )
    if count != 1:
        raise ValueError(f"{page.name} has {count} places for the table: it needs one")
    page.write_text(text, encoding="utf-8")
