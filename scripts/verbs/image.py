"""The verb `image`: a container image of the server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from scripts.console import out
from scripts.deploy import image as images
from scripts.deploy.archive import Archive
from scripts.paths import MODEL_STORE
from scripts.verbs.options import Store
from scripts.verbs.tab import archives


def image(
    name: Annotated[
        str | None,
        typer.Argument(
            help="name of an archive, which becomes the last layer; without one, the server alone, for a model store "
            "that is mounted at /models",
            autocompletion=archives,
        ),
    ] = None,
    tag: Annotated[str | None, typer.Option("--tag", help="name of the image [default: NAME:VERSION]")] = None,
    engine: Annotated[
        Literal["podman", "buildah", "docker"] | None,
        typer.Option("--engine", help="program that builds it [default: the first that is installed]"),
    ] = None,
    gpu: Annotated[bool, typer.Option("--gpu", help="with the CUDA build of torch")] = False,
    build_option: Annotated[
        list[str] | None,
        typer.Option("--build-option", help="word for the program's `build`, such as --build-option=--network=host"),
    ] = None,
    store: Store = MODEL_STORE,
) -> None:
    """Build a container image: no root, no compiler, a read-only file system, and the weights in a layer of their own.

    Example: scripts/bert image bert --tag registry.example.com/bert:1.0
    """
    program = images.find_engine(engine)
    archive = read(store / f"{name}.mar") if name else None
    named = tag or (archive.tag if archive else images.SERVER)
    images.build(program, archive, named, gpu, build_option or [])
    out.print(named)


def read(file: Path) -> Archive:
    """An archive, whole and of this project."""
    from scripts.packing import inspection  # torch takes seconds to import

    return Archive.read(file, inspection.inspect(file))
