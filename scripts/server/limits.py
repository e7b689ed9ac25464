"""Limits that a shell hands on: open files, and who may write what is made."""

from __future__ import annotations

import os
import resource

from scripts.console import Failure

ENOUGH_FILES = 65536
FEWEST_FILES = 256
"""Measured: Java has 60 open while nothing is asked, a worker 80; each connection takes one more of Java's."""


def raise_open_files() -> None:
    """Let the server have as many open files as it may: the shell's own limit is often made for a shell.

    Raises:
        Failure: that is too few for it to start.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = ENOUGH_FILES if hard == resource.RLIM_INFINITY else min(hard, ENOUGH_FILES)
    if most < FEWEST_FILES:
        raise Failure(
            f"{most} open files are allowed, and a server needs {FEWEST_FILES}",
            fix=f"ulimit -Hn shows the limit; docker run --ulimit nofile={ENOUGH_FILES} raises it",
        )
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def keep_to_ourselves() -> None:
    """Whatever the umask: nobody but the user and the group writes what is made, and the user may read it."""
    given = os.umask(0o022)
    os.umask((given | 0o002) & 0o077)
