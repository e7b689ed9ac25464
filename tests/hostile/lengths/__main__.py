"""Texts and pairs of 1 to 10,000 tokens to every family, on every runtime that can run it.

`python -m tests.hostile.lengths [WORD ...]`; words choose families and runtimes. Under each policy for what is too
long, alone and in a batch, answers are transformers' own for its own truncation. It prints a table, and ends with 1
when a number differs or an answer is a server's error.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from pathlib import Path

from scripts.console import Failure
from tests.hostile import laid_out
from tests.hostile.lengths import checks, families

RUNTIMES = ("native", "packed", "onnx", "torchscript", "eager")
Row = tuple[str, str, int, list[str], str]
"""Family, runtime, limit, what differs, and why it was refused."""


def models(name: str, folder: Path) -> Iterator[tuple[Path, bool]]:
    """Folders of a family, and whether each is a classifier."""
    yield families.save(name, folder / "encoder"), False
    if families.FAMILIES[name].classifier:
        options = {"num_labels": 3}
        yield families.save(name, folder / "classifier", "ForSequenceClassification", **options), True


def tried(checkpoint: Path, target: Path, runtime: str, classifier: bool) -> tuple[int, list[str], str]:
    """One checkpoint on one runtime."""
    try:
        pipeline = laid_out.load(checkpoint, target, runtime=runtime)
    except Failure as failure:
        return 0, [], failure.what
    check = checks.pairs if classifier else checks.texts
    return pipeline.config.max_length, list(check(pipeline, checkpoint)), ""


def run(names: Sequence[str], runtimes: Sequence[str], folder: Path) -> list[Row]:
    """All that was chosen; what differs is printed at once."""
    found: list[Row] = []
    for name in names:
        (folder / name).mkdir()
        for checkpoint, classifier in models(name, folder / name):
            for runtime in runtimes:
                target = folder / name / f"{checkpoint.name} {runtime}"
                limit, faults, refused = tried(checkpoint, target, runtime, classifier)
                found.append((f"{name} {checkpoint.name}", runtime, limit, faults, refused))
                for fault in faults:
                    print(f"{name} {checkpoint.name}, {runtime}: {fault}", flush=True)
    return found


def table(found: Sequence[Row]) -> str:
    """Markdown."""
    lines = ["| model | runtime | limit | differs | refused |", "|---|---|---|---|---|"]
    return "\n".join(
        [*lines, *(f"| {name} | {on} | {limit} | {len(faults)} | {why} |" for name, on, limit, faults, why in found)]
    )


def main(given: Sequence[str] | None = None) -> int:
    """Run what is chosen."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*", help="families and runtimes; default: all")
    chosen = set(parser.parse_args(given).words)
    names = [name for name in families.FAMILIES if name in chosen] or list(families.FAMILIES)
    runtimes = [name for name in RUNTIMES if name in chosen] or RUNTIMES
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as temporary:
        found = run(names, runtimes, Path(temporary))
    print(f"\n{table(found)}\n")
    return any(faults for _, _, _, faults, _ in found)


if __name__ == "__main__":
    sys.exit(main())
