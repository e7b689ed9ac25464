"""`bert --version`: what is installed, read from files and not by imports, which would take seconds."""

from __future__ import annotations

import platform
import tomllib
from importlib import metadata
from typing import Annotated

import typer

from scripts.console import out
from scripts.paths import ROOT

PACKAGES = ("torch", "transformers", "torchserve")


def project() -> tuple[str, str]:
    """Name and version of this project; `pyproject.toml` is where they are written."""
    told = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return told["name"], told["version"]


def lines() -> list[str]:
    """The project first, then what it stands on."""
    name, version = project()
    return [
        f"{name} {version}",
        f"Python {platform.python_version()}",
        *(f"{each} {installed(each)}" for each in PACKAGES),
    ]


def installed(package: str) -> str:
    """The version of a package, `+cpu` and the like included."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "is not installed"


def show(asked: bool) -> None:
    """Print it and end, when the option is given."""
    if asked:
        for line in lines():
            out.print(line)
        raise typer.Exit


Show = Annotated[bool, typer.Option("--version", callback=show, is_eager=True, help="Show what is installed and exit.")]
