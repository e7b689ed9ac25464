"""Builds a container image of the server, with an archive inside or without, from `Containerfile` and its copies."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from scripts.console import Failure
from scripts.deploy.archive import Archive
from scripts.paths import ROOT

ENGINES: dict[str, tuple[str, ...]] = {
    "podman": ("podman", "build", "--format", "docker"),
    "buildah": ("buildah", "build", "--format", "docker"),
    "docker": ("docker", "build"),
}
"""Program -> how it builds; OCI's own format, which is the default of the first two, has no HEALTHCHECK."""
COPIED = ("Containerfile", "requirements.txt", "config", "handler", "scripts")
LEFT_OUT = ("ziglang", "onnx", "torch-model-archiver", "google-crc32c", "transformers", "swagger-ui-py")
"""Packages of `requirements.txt` that only packing needs; `transformers` is wanted by the runtime `eager`."""
EAGER = "eager"
SERVER = "bert-server:latest"
"""Name of an image without an archive."""


def find_engine(asked: str | None) -> str:
    """The program that builds: the one asked for, or the first that is there.

    Raises:
        Failure: there is none.
    """
    wanted = [asked] if asked else list(ENGINES)
    for name in wanted:
        if shutil.which(name):
            return name
    raise Failure(
        f"no program here builds images: {', '.join(wanted)} {'is' if asked else 'are'} not on the path",
        fix="apt-get install podman (or buildah), or start again where docker is installed",
    )


def build(engine: str, archive: Archive | None, tag: str, gpu: bool, options: Sequence[str]) -> None:
    """Build it from a folder with nothing else in it.

    Args:
        engine: a key of `ENGINES`.
        archive: what lies in it as its last layer; None for a server that is given a model store.
        tag: the image's name.
        gpu: whether torch comes with CUDA.
        options: further ones of the engine's `build`.

    Raises:
        Failure: the build failed; its own words were shown.
    """
    with tempfile.TemporaryDirectory(prefix="bert-image-") as place:
        context = stage(Path(place), archive)
        words = [*ENGINES[engine], "--file", str(context / "Containerfile"), "--tag", tag, "--target", target(archive)]
        given = [word for each in arguments(archive, gpu) for word in ("--build-arg", each)]
        if subprocess.run([*words, *given, *options, str(context)]).returncode:
            raise Failure(
                f"{engine} could not build {tag}",
                fix="its words are above; options for it go through, such as --build-option=--network=host",
            )


def stage(context: Path, archive: Archive | None) -> Path:
    """Copy what the image is made of."""
    context.mkdir(exist_ok=True)
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, context / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, context)
    if archive:
        shutil.copyfile(archive.file, context / archive.file.name)
        (context / archive.file.name).chmod(0o644)  # whoever runs it is not who packed it
    return context


def target(archive: Archive | None) -> str:
    """The stage of `Containerfile`."""
    return "model" if archive else "server"


def arguments(archive: Archive | None, gpu: bool) -> list[str]:
    """Its `ARG`s that differ from their defaults."""
    given = ["BERT_TORCH=cuda"] if gpu else []
    if archive:
        given.append(f"ARCHIVE={archive.file.name}")
        if archive.runtime == EAGER:
            given.append(f"LEFT_OUT={' '.join(name for name in LEFT_OUT if name != 'transformers')}")
    return given
