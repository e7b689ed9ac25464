"""Packages that only some runs need, imported when they are."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from scripts.console import Failure


def module(name: str, needed_by: str, package: str, extra: str) -> Any:
    """A module of such a package.

    Args:
        name: of the module.
        needed_by: what the user asked for.
        package: as people call it.
        extra: of `scripts/setup`, which installs it.

    Raises:
        Failure: it is not installed.
    """
    try:
        return import_module(name)
    except ModuleNotFoundError:
        raise Failure(f"{needed_by} needs {package}, which is not installed", fix=f"scripts/setup {extra}") from None
