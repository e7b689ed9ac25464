"""What came of the requests that were made from one owner's schemas."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Report:
    """Counts, and what went wrong by kind.

    Attributes:
        owner: whose schemas.
        statuses: of requests that the schema accepts and the archives can serve.
        beyond: of those that they cannot, by why.
        broken: of requests that the schema refuses.
        lenient: keys of those that were answered with 200, and what was in them.
        wrong: kinds of faults, each with the shortest body that shows it.
        seconds: that it took.
    """

    owner: str
    statuses: Counter[str] = field(default_factory=Counter)
    beyond: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    lenient: Counter[str] = field(default_factory=Counter)
    wrong: dict[str, tuple[int, str]] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        """Whether nothing went wrong and something was asked."""
        return not self.wrong and self.statuses.total() > 0

    def fault(self, kind: str, body: Any) -> None:
        """Count one; numbers make no kind of their own."""
        name = re.sub("[0-9]+", "0", kind)[:300]
        count, shortest = self.wrong.get(name, (0, ""))
        text = json.dumps(body, ensure_ascii=False)
        self.wrong[name] = count + 1, text if not shortest or len(text) < len(shortest) else shortest

    def __str__(self) -> str:
        lines = [
            f"{self.owner}: {self.statuses.total()} accepted by the schema: {counted(self.statuses)}; "
            f"{self.beyond.total()} beyond the model: {counted(self.beyond)}; "
            f"{self.broken.total()} refused by the schema: {counted(self.broken)}; {self.seconds:.0f} s"
        ]
        lines += [f"  taken although the schema refuses it: {counted(self.lenient)}"] if self.lenient else []
        return "\n".join([*lines, *(f"  WRONG {n} x {kind}: {body[:400]}" for kind, (n, body) in self.wrong.items())])


def counted(found: Counter[str]) -> str:
    """`3 x this, 2 x that`."""
    return ", ".join(f"{count} x {what}" for what, count in found.most_common()) or "none"
