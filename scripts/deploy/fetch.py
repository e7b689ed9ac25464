"""Fetches an archive into a pod: `python -m scripts.deploy.fetch URL SHA256 FILE`. It arrives whole, or not at all."""

from __future__ import annotations

import hashlib
import shutil
import sys
from http.client import HTTPException
from pathlib import Path
from urllib.request import urlopen

from scripts.console import Failure

SECONDS = 30
"""Without a byte from the other side."""


def fetch(url: str, sha256: str, file: Path) -> None:
    """Write what is at that address, if it has that digest.

    Raises:
        Failure: nobody answers, or with something else; the address is none, or the disk is full.
    """
    part = file.with_suffix(".part")
    try:
        with urlopen(url, timeout=SECONDS) as answer, part.open("wb") as target:
            shutil.copyfileobj(answer, target, 1 << 20)
        with part.open("rb") as found:
            digest = hashlib.file_digest(found, "sha256").hexdigest()
        if digest != sha256:
            raise Failure(
                f"{url} has the digest {digest}, and {sha256} was asked for",
                fix="print the manifests again, from the archive that is there now",
            )
        part.replace(file)
    except (OSError, ValueError, HTTPException) as error:  # `urlopen` has a ValueError for an address without a scheme
        raise Failure(f"{url} cannot be fetched: {getattr(error, 'reason', error)}") from None
    finally:
        part.unlink(missing_ok=True)


if __name__ == "__main__":
    try:
        fetch(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
    except Failure as failure:
        failure.show()
        sys.exit(1)
