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


def options(words: Sequence[str] | None) -> Namespace:
    """Of the command line."""
    parser = ArgumentParser(prog="python -m tests.layouts", description=__doc__)
    parser.add_argument("words", nargs="*", help="of the titles of folders; default: all")
    parser.add_argument("--processes", type=int, default=2, help="at a time")
    parser.add_argument("--every", type=int, default=1, help="only each n-th folder")
    parser.add_argument("--verbose", action="store_true", help="print every folder's row")
    parser.add_argument(
        "--write", action="store_true", help=f"put their rows into {table.PAGE.name}; others' rows stay"
    )
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> int:
    """Run what is chosen; what was done is written when it is interrupted too."""
    given = options(words)
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    chosen = catalogue.find(*given.words)[:: given.every]
    if not chosen:
        raise SystemExit(f"no folder's title contains {' or '.join(given.words)}")
    import sentence_transformers  # noqa: F401 - once, for all forked processes

    began, found = monotonic(), []
    with tempfile.TemporaryDirectory() as scratch:
        try:
            for verdict in pool.run(chosen, Path(scratch), given.processes):
                found.append(verdict)
                if given.verbose or table.faults([verdict]):
                    done = f"{len(found)}/{len(chosen)} {verdict.seconds:.1f} s "
                    print(done, table.line(verdict), sep="", end="", flush=True)
        finally:
            if given.write:
                table.write(found, [layout.title for layout in catalogue.find()])
    print(f"\n{table.by_kind({each.title: each.said for each in found})}\n\n{monotonic() - began:.0f} s")
    return int(table.faults(found))


if __name__ == "__main__":
    sys.exit(main())
