"""`python -m scripts.reference` writes the documents made from the code; `--check` fails where one is stale."""

from __future__ import annotations

import argparse

from scripts.reference.markdown import COMMAND
from scripts.reference.pages import stale, write


def main() -> None:
    """Write or check."""
    parser = argparse.ArgumentParser(prog=COMMAND, description="Write openapi.json and docs/reference from the code.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail and name the files that are stale")
    if not parser.parse_args().check:
        write()
        return
    found = stale()
    if found:
        raise SystemExit(f"stale: {', '.join(found)}\nto fix: {COMMAND}")


if __name__ == "__main__":
    main()
