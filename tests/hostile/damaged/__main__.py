"""Damaged files of users through `convert`, `finetune` and `pack`: each works or is refused in words.

`python -m tests.hostile.damaged --count 1000 [--seed S]`. Each case is a folder with one to three changes from a seed.
A traceback, a crash, a hang, memory without bound, a refusal without words, or something left where the result would
have been is a fault, and ends it with 1.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import traceback
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

from scripts.console import Failure
from tests.hostile.configurations import bases, forked
from tests.hostile.damaged import conversions, examples, weights

DONE, REFUSED, FAULT = VERDICTS = ("done", "refused", "FAULT")
SECONDS, GIGABYTES = 60, 8


@dataclass(frozen=True, slots=True)
class Kind:
    """What is damaged.

    Attributes:
        make: a damaged folder from a seed; what was done.
        use: a verb's work with it, into a target.
    """

    make: Callable[[Path, Random], list[str]]
    use: Callable[[Path, Path], None]


def kinds(root: Path) -> Mapping[str, Kind]:
    """All of them, over a small model."""
    encoder, data = bases.save(root)["encoder"], weights.good(root)
    return {
        "convert": Kind(conversions.make, conversions.use),
        "finetune, examples": Kind(examples.make, partial(examples.use, base=encoder)),
        "finetune, base": Kind(partial(weights.make, base=encoder), partial(weights.finetune, data=data)),
        "pack": Kind(partial(weights.make, base=encoder), weights.pack),
    }


def attempt(kind: Kind, folder: Path, target: Path) -> tuple[str, str]:
    """What a verb does with the folder; errors of the system are words too, as in `scripts.cli`."""
    try:
        kind.use(folder, target)
    except Failure as failure:
        return REFUSED if failure.what else FAULT, f"{failure.what} {failure.why}"
    except OSError as error:
        return REFUSED if error.strerror and error.filename else FAULT, f"{type(error).__name__}: {error}"
    except BaseException:
        return FAULT, traceback.format_exc()[-2000:]
    return DONE, ""


def verdict(kind: Kind, folder: Path, target: Path) -> tuple[str, str]:
    """The same in a process of its own, and what stays of it."""
    said, why = forked.finish(forked.start(partial(attempt, kind, folder, target), SECONDS, GIGABYTES))
    if said not in VERDICTS:
        return FAULT, f"{said}: {why}"
    stays = [each.name for each in target.parent.iterdir() if target.name in each.name]
    if said == REFUSED and any(target.parent.joinpath(name).is_file() or name != "store" for name in stays):
        return FAULT, f"{', '.join(stays)} stays after: {why}"
    return said, why


def prepare(root: Path) -> Mapping[str, Kind]:
    """Each kind used once, so that children import nothing; no thread may run when they fork."""
    forked.be_single_threaded()
    made = kinds(root)
    conversions.use(conversions.DATA / "squad", root / "converted")
    weights.finetune(root / "encoder", root / "trained", root / "labels.csv")
    weights.pack(root / "encoder", root / "store")
    return made


def main(words: Sequence[str] | None = None) -> int:
    """Run them."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--verbose", action="store_true", help="each case, not only faults")
    given = parser.parse_args(words)
    counts: Counter[tuple[str, str]] = Counter()
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        (root / "made").mkdir()
        known = prepare(root / "made")
        for number in range(given.count):
            name = list(known)[number % len(known)]
            case = root / str(number)
            case.mkdir()
            done = known[name].make(case / "folder", Random(f"{given.seed} {number}"))
            said, why = verdict(known[name], case / "folder", case / ("store" if name == "pack" else "out"))
            counts[name, said] += 1
            if said == FAULT or given.verbose:
                print(f"{said}: {number} {name}: {'; '.join(done)}: {why}", flush=True)
            shutil.rmtree(case, ignore_errors=True)
    lines = [f"| {name} | {' | '.join(str(counts[name, said]) for said in VERDICTS)} |" for name in known]
    print("\n".join(["", f"| files | {' | '.join(VERDICTS)} |", "|---|---|---|---|", *lines, ""]))
    return any(counts[name, FAULT] for name in known)


if __name__ == "__main__":
    sys.exit(main())
