"""Packs tokenizers of edited folders, and compares what is served with what AutoTokenizer makes of the folder.

`python -m tests.hostile.tokenizers --folder DIR [--texts N] [--pairs N] [--every N] [WORD ...]`; words choose folders
by their names. It prints a table by kind of edit, and ends with 1 when one differs or fails with anything but a reason.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from handler.config import HandlerConfig
from handler.text import TextTokenizer
from scripts.console import Failure
from scripts.packing import tokenizer
from scripts.sources import checkpoint as checkpoints
from tests.hostile.tokenizers import bases
from tests.hostile.tokenizers.compare import difference
from tests.hostile.tokenizers.edits import edits
from tests.hostile.tokenizers.folders import Edit

EQUAL, REFUSED, DIFFERENT, TRACEBACK = VERDICTS = ("equal", "refused", "DIFFERENT", "TRACEBACK")


@dataclass(frozen=True, slots=True)
class Case:
    """A base with its edits."""

    base: str
    edits: tuple[Edit, ...]

    @property
    def name(self) -> str:
        """Base and edits, for people."""
        return f"{self.base}: {' + '.join(f'{edit.kind} {edit.name}' for edit in self.edits)}"

    @property
    def kind(self) -> str:
        """Row of the table."""
        return self.edits[0].kind if len(self.edits) == 1 else "two at once"


def cases(pairs: int) -> Iterator[Case]:
    """Each edit on each base that it suits, and then `pairs` of two."""
    suited = {
        base: [edit for edit in edits() if not edit.bases or any(word in base for word in edit.bases)]
        for base in bases.BASES
    }
    for base, some in suited.items():
        yield from (Case(base, (edit,)) for edit in some)
    random = Random(0)
    for number in range(pairs):
        base = list(suited)[number % len(suited)]
        yield Case(base, tuple(random.sample(suited[base], 2)))


def make(case: Case, folder: Path, originals: Path) -> str:
    """The edited folder; why it cannot be made, or nothing."""
    shutil.copytree(originals / case.base, folder)
    try:
        for edit in case.edits:
            edit.apply(folder)
    except Exception as error:  # the first edit left nothing that the second can change
        return f"{type(error).__name__}: {error}"
    return ""


def verdict(folder: Path, count: int) -> tuple[str, str]:
    """How a folder is packed and served, and the reason or the difference."""
    target = folder.with_name(f"{folder.name}-packed")
    target.mkdir()
    try:
        checkpoint = checkpoints.read(folder)
        tokenizer.write(checkpoint, target)
        config = HandlerConfig(task="embedding", max_length=max(checkpoint.max_length, 4))
        served = TextTokenizer.load(target / tokenizer.FILE, config)
        differs = difference(served, reference(folder), checkpoint, count)
    except Failure as failure:
        return REFUSED, f"{failure.what} {failure.why or ''}".replace(str(folder), "FOLDER").strip()
    except Exception as error:
        return TRACEBACK, f"{type(error).__name__}: {error}"
    return (DIFFERENT, differs) if differs else (EQUAL, "")


def reference(folder: Path) -> Any:
    """What transformers makes of the folder."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)


def table(found: Sequence[tuple[Case, str, str]]) -> str:
    """Markdown, by kind of edit."""
    counts = Counter((case.kind, said) for case, said, _ in found)
    kinds = list(dict.fromkeys(case.kind for case, _, _ in found))
    lines = [f"| edit | {' | '.join(VERDICTS)} |", "|---|" + "---|" * len(VERDICTS)]
    lines += [f"| {kind} | {' | '.join(str(counts[kind, said]) for said in VERDICTS)} |" for kind in kinds]
    total = Counter(said for _, said, _ in found)
    return "\n".join([*lines, f"| all {len(found)} | {' | '.join(str(total[said]) for said in VERDICTS)} |"])


def run(chosen: Sequence[Case], folder: Path, count: int) -> list[tuple[Case, str, str]]:
    """Verdicts of all that can be made; what is not equal is printed at once."""
    originals = folder / "originals"
    for base in {case.base for case in chosen}:
        bases.save(base, originals / base)
    found = []
    for number, case in enumerate(chosen):
        here = folder / str(number)
        if make(case, here, originals):
            continue
        said, reason = verdict(here, count)
        found.append((case, said, reason))
        if said != EQUAL:
            print(f"{said}: {case.name}: {' '.join(reason.split())[:300]}", flush=True)
    return found


def main(words: Sequence[str] | None = None) -> int:
    """Run what is chosen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*", help="of the names of folders; default: all")
    parser.add_argument("--folder", type=Path, required=True, help="a new one, for everything that is written")
    parser.add_argument("--texts", type=int, default=200, help="compared per folder")
    parser.add_argument("--pairs", type=int, default=140, help="folders with two edits")
    parser.add_argument("--every", type=int, default=1, help="only each n-th folder")
    given = parser.parse_args(words)
    chosen = [case for case in cases(given.pairs) if not given.words or any(word in case.name for word in given.words)]
    given.folder.mkdir(parents=True)
    began = time.monotonic()
    warnings.simplefilter("ignore")
    found = run(chosen[:: given.every], given.folder, given.texts)
    print(f"\n{table(found)}\n\n{time.monotonic() - began:.0f} s, {given.texts} texts each")
    return any(said in (DIFFERENT, TRACEBACK) for _, said, _ in found)


if __name__ == "__main__":
    sys.exit(main())
