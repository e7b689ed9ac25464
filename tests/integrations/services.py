"""Databases that a page's code talks to, and that are no libraries; each ends with its page."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from shutil import chown, copytree

from tests.e2e.conftest import wait_for

USER = "postgres"
"""PostgreSQL does not run as root."""


@contextmanager
def postgresql(python: Path) -> Iterator[dict[str, str]]:
    """PostgreSQL with pgvector on a Unix socket, from the wheel `pgserver`; what libpq reads to find it.

    Args:
        python: of the environment that has the wheel.
    """
    packages = next(python.parents[1].glob("lib/*/site-packages"))
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        chown(place, USER)
        for name in ("pgserver", "pgserver.libs"):  # to where that user may read them
            copytree(packages / name, Path(place) / name)
        programs = Path(place) / "pgserver" / "pginstall" / "bin"
        data, own = f"{place}/data", {"user": USER, "cwd": place, "check": True, "stdout": subprocess.DEVNULL}
        subprocess.run([programs / "initdb", "--auth=trust", "--no-sync", "-D", data], **own)
        command = [programs / "postgres", "-D", data, "-k", place, "-c", "listen_addresses=", "-c", "fsync=off"]
        with subprocess.Popen(command, user=USER, cwd=place, stderr=subprocess.DEVNULL) as server:
            try:
                ready = [programs / "pg_isready", "-q", "-h", place]
                wait_for(lambda: subprocess.run(ready).returncode == 0, "PostgreSQL")
                yield {"PGHOST": place, "PGUSER": USER, "PGDATABASE": USER}
            finally:
                server.terminate()


SERVICES: dict[str, Callable[[Path], AbstractContextManager[dict[str, str]]]] = {"pgvector": postgresql}
"""By page."""
