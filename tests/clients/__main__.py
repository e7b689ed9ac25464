"""Runs every library's script against one server and prints a table: `python -m tests.clients [WORD ...]`."""

from __future__ import annotations

import sys
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from scripts.sources import pull
from tests import heads
from tests.clients import libraries, running, table
from tests.clients.references import References
from tests.e2e.conftest import serving


def options(words: Sequence[str] | None) -> Namespace:
    """Of the command line."""
    parser = ArgumentParser(prog="python -m tests.clients", description=__doc__)
    parser.add_argument("words", nargs="*", help="of the names of libraries; default: all")
    parser.add_argument("--url", help="of a server that runs already, with the archives of this one")
    parser.add_argument("--write", action="store_true", help=f"put the table into {table.PAGE.name}")
    given = parser.parse_args(words)
    if given.write and given.words:
        parser.error("--write takes a table of all libraries: leave the names out")
    return given


@contextmanager
def server(url: str | None, folders: dict[str, Path], here: Path) -> Iterator[str]:
    """Its address; one of our own is started and stopped."""
    if url:
        yield url
        return
    with serving(folders, here) as command:
        yield command.url


def main(words: Sequence[str] | None = None) -> int:
    """Run what is chosen."""
    given = options(words)
    chosen = libraries.find(*given.words)
    if not chosen:
        raise SystemExit(f"no library's name contains {' or '.join(given.words)}")
    with tempfile.TemporaryDirectory() as scratch:
        here = Path(scratch)
        folders = {"bert": pull.pull("all-MiniLM-L6-v2")}
        folders |= heads.one_of_each(folders["bert"], here) | {"nli": heads.nli(folders["bert"], here)}
        references, rows = References(folders), []
        with server(given.url, folders, here) as url:
            for library in chosen:
                print(library.name, file=sys.stderr, flush=True)
                rows.append(running.run(library, url, references))
    print(table.markdown(rows), end="")
    if given.write:
        table.write(rows)
    return int(any(row.wrong for row in rows))


if __name__ == "__main__":
    sys.exit(main())
