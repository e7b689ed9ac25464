"""Runs every block of the pages against one server: `python -m tests.integrations [WORD ...]`; first it installs."""

from __future__ import annotations

import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from scripts.paths import ROOT
from scripts.sources import pull
from tests.e2e.conftest import serving
from tests.integrations import pages, running, table


@contextmanager
def server(url: str | None, here: Path) -> Iterator[str]:
    """Its address; one of our own is started and stopped."""
    if url:
        yield url
        return
    with serving({"bert": pull.pull("all-MiniLM-L6-v2")}, here) as command:
        yield command.url


def main(words: Sequence[str] | None = None) -> int:
    """Run what is chosen."""
    parser = ArgumentParser(prog="python -m tests.integrations", description=__doc__)
    parser.add_argument("words", nargs="*", help="of the names of pages; default: all")
    parser.add_argument("--url", help="of a server that runs already, with the model as `bert`")
    parser.add_argument("--write", action="store_true", help=f"put the rows into {table.FILE.relative_to(ROOT)}")
    given = parser.parse_args(words)
    chosen = pages.find(*given.words)
    rows: list[running.Row] = []
    with tempfile.TemporaryDirectory() as scratch, server(given.url, Path(scratch)) as url:
        for page in chosen:
            print(page.name, file=sys.stderr, flush=True)
            rows += running.run(page, Path(scratch), url)
    print(table.markdown(rows), end="")
    if given.write:
        table.write(rows)
    return int(any(row.wrong for row in rows) or not rows)


if __name__ == "__main__":
    sys.exit(main())
