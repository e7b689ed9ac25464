"""Packs and serves a BERT with TorchServe: this package travels inside the archive and runs in its workers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from handler.engine import Archive

__all__ = ["open_archive"]

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
"""Before anything imports ONNX Runtime, which since 1.29 tells its maker of each process and model, and keeps an id of
the machine in the user's cache (https://github.com/microsoft/onnxruntime/blob/main/docs/Privacy.md)."""


def open_archive(path: str | Path, threads: int = 0, device: str = "auto") -> Archive:
    """An archive opened in this process; see `handler.engine.Archive`. What it needs is imported now, not before."""
    from handler.engine import Archive

    return Archive(path, threads, device)
