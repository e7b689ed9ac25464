"""Mutated JSON files of users through `pack`, and the archive's answers against the reference's of the same folder.

`python -m tests.hostile.configurations --count 3000 [--seed S] [--archives N]`. Each folder has one to three
mutations from a seed. An archive answers as transformers or sentence-transformers do, or `pack` refuses in words; a
traceback, a crash, a hang, memory without bound or another number is a fault, and ends it with 1. Refusals of what
the reference answers are listed, to be judged.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import traceback
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from scripts.console import Failure
from scripts.packing import inspection
from scripts.packing import pack as packer
from scripts.sources import checkpoint as checkpoints
from tests.hostile import laid_out
from tests.hostile.configurations import answers, bases, forked, mutations

EQUAL, REFUSED, STRICT, LENIENT, FAULT = VERDICTS = ("equal", "refused", "STRICT", "LENIENT", "FAULT")
"""`STRICT`: refused although the reference answers; `LENIENT`: answered although it does not. Both are to be judged."""
ANSWERED, RAISED = "answered", "raised"
SECONDS, GIGABYTES = 60, 8


@dataclass(slots=True)
class Case:
    """A mutated folder.

    Attributes:
        done: its mutations.
        full: whether an archive is made of it and inspected.
    """

    base: str
    folder: Path
    full: bool
    done: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.folder.name} {self.base}: {'; '.join(self.done)}"


def ours(case: Case) -> tuple[Any, ...]:
    """What `pack` and a worker make of the folder."""
    target = case.folder.with_name(f"{case.folder.name}-archive")
    try:
        if case.full:
            inspection.inspect(packer.pack(case.folder, "bert", "1.0", {}, target / "store")[0])
        pipeline = laid_out.load(case.folder, target / "stage")
        return ANSWERED, pipeline.config.task, answers.ours(pipeline)
    except Failure as failure:
        return REFUSED, f"{failure.what} {failure.why}"
    except BaseException as error:
        return RAISED, f"{type(error).__name__}: {error}", traceback.format_exc()[-1500:]


def theirs(folder: Path, task: str) -> tuple[Any, ...]:
    """The reference's answers."""
    try:
        return ANSWERED, answers.reference(folder, task)
    except Exception as error:
        return RAISED, f"{type(error).__name__}: {error}"


def verdict(case: Case) -> tuple[str, str]:
    """How a folder is served, and why."""
    (case.folder.with_name(f"{case.folder.name}-archive") / "stage").mkdir(parents=True)
    said, *rest = forked.finish(forked.start(partial(ours, case), SECONDS, GIGABYTES))
    if said not in (ANSWERED, REFUSED):
        return FAULT, " ".join(map(str, (said, *rest)))
    task = rest[0] if said == ANSWERED else bases.BASES[case.base][1]
    found, *their = forked.finish(forked.start(partial(theirs, case.folder, task), SECONDS, GIGABYTES))
    if said == REFUSED:
        return (STRICT if found == ANSWERED else REFUSED), rest[0]
    if found != ANSWERED:
        return LENIENT, f"{task}: {their[0]}"
    differs = answers.difference(rest[1], their[0])
    if differs:
        return FAULT, f"{task}: {differs}"
    return EQUAL, "" if task == bases.BASES[case.base][1] else f"task {task}"


def cases(count: int, seed: int, every: int, originals: dict[str, Path], root: Path) -> Iterator[Case]:
    """Folders, one after the other; the same for the same seed."""
    names = list(originals)
    for number in range(count):
        dice = Random(f"{seed} {number}")
        case = Case(names[number % len(names)], root / str(number), every > 0 and number % every == 0)
        shutil.copytree(originals[case.base], case.folder)
        case.done = mutations.mutate(case.folder, dice)
        yield case


def run(chosen: Iterator[Case]) -> list[tuple[Case, str, str]]:
    """Verdicts; what is to be looked at is printed at once."""
    found = []
    for case in chosen:
        said, reason = verdict(case)
        found.append((case, said, reason))
        if said in (FAULT, STRICT, LENIENT):
            print(f"{said}: {case.name}: {' '.join(reason.split())[:1200]}", flush=True)
        for folder in (case.folder, case.folder.with_name(f"{case.folder.name}-archive")):
            shutil.rmtree(folder, ignore_errors=True)
    return found


def prepare(root: Path) -> dict[str, Path]:
    """The folders, each asked and laid out once, so that children import nothing; no thread may run when they fork."""
    import onnxruntime  # noqa: F401

    forked.be_single_threaded()
    made = bases.save(root)
    for name, folder in made.items():
        answers.reference(folder, bases.BASES[name][1])
        checkpoint = checkpoints.read(folder)
        packer.stage(checkpoint, root / f"{name}-laid-out", packer.configure(checkpoint, {}).handler.runtime)
    return made


def table(counts: Counter[tuple[str, str]]) -> str:
    """Markdown, by base."""
    lines = [f"| base | {' | '.join(VERDICTS)} |", "|---|" + "---|" * len(VERDICTS)]
    rows = [f"| {base} | {' | '.join(str(counts[base, said]) for said in VERDICTS)} |" for base in bases.BASES]
    return "\n".join([*lines, *rows])


def part(count: int, seed: int, every: int, root: Path) -> Counter[tuple[str, str]]:
    """One process's share."""
    found = run(cases(count, seed, every, prepare(root / "bases"), root))
    return Counter((case.base, said) for case, said, _ in found)


def main(words: Sequence[str] | None = None) -> int:
    """Run them."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--archives", type=int, default=50, help="make and inspect an archive of each n-th; 0 for none")
    given = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as temporary:
        (Path(temporary) / "bases").mkdir()
        counts = part(given.count, given.seed, given.archives, Path(temporary))
    print(f"\n{table(counts)}\n")
    return any(said == FAULT and number for (_, said), number in counts.items())


if __name__ == "__main__":
    sys.exit(main())
