"""Makes checkpoint folders in every layout, packs them and compares the archives: `python -m tests.layouts [WORD ...]`.

Words choose folders by their titles. It prints what differs or fails at once and then a table by kind, and ends with 1
when a folder is served wrongly, does not start, or fails with anything but a reason.
"""

from __future__ import annotations

import logging
import sys
import tempfile
import warnings
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from time import monotonic

from tests.layouts import catalogue, pool, table
from tests.layouts.verdicts import FAULTS


def options(words: Sequence[str] | None) -> Namespace:
    """Of the command line."""
    parser = ArgumentParser(prog="python -m tests.layouts", description=__doc__)
    parser.add_argument("words", nargs="*", help="of the titles of folders; default: all")
    parser.add_argument("--processes", type=int, default=2, help="at a time")
    parser.add_argument("--every", type=int, default=1, help="only each n-th folder")
    parser.add_argument("--verbose", action="store_true", help="print every folder's row")
    parser.add_argument("--write", action="store_true", help=f"put the tables into {table.PAGE.name}")
    given = parser.parse_args(words)
    if given.write and (given.words or given.every > 1):
        parser.error("--write takes a table of all folders: leave the words out")
    return given


def main(words: Sequence[str] | None = None) -> int:
    """Run what is chosen."""
    given = options(words)
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    chosen = catalogue.find(*given.words)[:: given.every]
    if not chosen:
        raise SystemExit(f"no folder's title contains {' or '.join(given.words)}")
    import sentence_transformers  # noqa: F401 - once, for all forked processes

    began, found = monotonic(), {}
    with tempfile.TemporaryDirectory() as scratch:
        for verdict in pool.run(chosen, Path(scratch), given.processes):
            found[verdict.title] = verdict
            if given.verbose or verdict.said in FAULTS:
                print(f"{len(found)}/{len(chosen)} {verdict.seconds:.1f} s {table.line(verdict)}", end="", flush=True)
    ordered = [found[layout.title] for layout in chosen]
    print(f"\n{table.by_kind(ordered)}\n\n{monotonic() - began:.0f} s")
    if given.write:
        table.write(ordered)
    return int(any(verdict.said in FAULTS for verdict in ordered))


if __name__ == "__main__":
    sys.exit(main())
