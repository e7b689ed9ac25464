"""All files that are made from the code, and which of them are stale."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from scripts.paths import ROOT
from scripts.reference import dashboard, openapi
from scripts.reference.cli import cli
from scripts.reference.errors import errors
from scripts.reference.headers import headers
from scripts.reference.metrics import metrics
from scripts.reference.settings import settings
from scripts.reference.tasks import tasks
from scripts.reference.tree import FILE as ARCHITECTURE
from scripts.reference.tree import tree

FOLDER = ROOT / "docs" / "reference"
PAGES: dict[Path, Callable[[], str]] = {
    openapi.FILE: openapi.full_document,
    dashboard.FILE: dashboard.dashboard,
    FOLDER / "cli.md": cli,
    FOLDER / "settings.md": settings,
    FOLDER / "metrics.md": metrics,
    FOLDER / "headers.md": headers,
    FOLDER / "errors.md": errors,
    FOLDER / "tasks.md": tasks,
    ARCHITECTURE: tree,
}


def write() -> None:
    """Make all of them."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for file, make in PAGES.items():
        file.write_text(make())


def stale() -> list[str]:
    """Those that differ from what the code makes now."""
    return [
        str(file.relative_to(ROOT)) for file, make in PAGES.items() if not file.exists() or file.read_text() != make()
    ]
