"""The other workers of a server, as each batch looks at them: their lock files, which are kept open."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from time import time_ns

from handler.locks import is_held, is_running, model_of, owner

SETTLED = 1_000_000_000
"""Nanoseconds after which a change of the folder has a time of its own. Linux gives files the time of its last tick, so
of two changes within some milliseconds only one may be seen."""

AGAIN = -1
"""No time of a folder: its files are listed the next time, too."""


class OtherWorkers:
    """Who else there is. Files are listed and opened when the folder has changed: that takes a tenth of a millisecond.

    Args:
        folder: of the lock files.
        own: this worker's.
    """

    def __init__(self, folder: Path, own: Path) -> None:
        self.folder, self.own = folder, own
        self.listed_at = AGAIN
        """The folder's time of change when its files were listed, in nanoseconds; or `AGAIN`."""
        self.open: dict[Path, int] = {}

    def files(self) -> dict[Path, int]:
        """Descriptors of their lock files; some may be of workers that have ended since the last one began."""
        changed = os.stat(self.folder).st_mtime_ns
        if changed != self.listed_at:
            self.close()
            for file in set(self.folder.iterdir()) - {self.own}:
                with suppress(FileNotFoundError, ValueError):  # it was removed just now, or is no worker's
                    if is_running(owner(file)):
                        self.open[file] = os.open(file, os.O_RDWR)
            self.listed_at = changed if time_ns() - changed > SETTLED else AGAIN
        return self.open

    def computing(self) -> dict[Path, int]:
        """Those that have a batch in hand."""
        return {file: opened for file, opened in self.files().items() if is_held(opened)}

    def of_model(self, model: str) -> list[Path]:
        """Lock files of a model's living workers."""
        return [file for file in self.files() if model_of(file) == model and is_running(owner(file))]

    def close(self) -> None:
        """Close what is open."""
        for opened in self.open.values():
            os.close(opened)
        self.open = {}
