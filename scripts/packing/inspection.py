"""What an archive holds, read from the file alone: `bert inspect`."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile, ZipInfo

import msgspec
import yaml

from handler import config as configuration
from handler import head as heads
from handler import late_interaction, model, term_weights
from handler.config import CHECKPOINT, NOTES, ORIGIN, HandlerConfig
from handler.errors import ConfigError
from handler.head import HeadMetadata
from handler.model import Capability
from handler.runtimes.base import WEIGHTS
from handler.tasks import supported_tasks
from scripts.console import Failure
from scripts.files import entries
from scripts.files.provenance import Provenance

DAMAGES = (BadZipFile, ConfigError, EOFError, LookupError, RuntimeError, TypeError, ValueError, yaml.YAMLError)
"""What reading a file that is something else may raise."""


def inspect(file: Path) -> dict[str, Any]:
    """Manifest, settings, tasks, origin, and the digest of each file of the checkpoint.

    The checksum of every entry is compared, so that a damaged archive is found.

    Raises:
        Failure: there is no such file, it is damaged, or it is no archive of this project.
    """
    try:
        with ZipFile(file) as archive:
            return {"archive": file.name, "bytes": file.stat().st_size, **report(archive)}
    except (FileNotFoundError, IsADirectoryError):
        there = ", ".join(sorted(other.stem for other in file.parent.glob("*.mar")))
        raise Failure(
            f"{file} does not exist; {f'archives there: {there}' if there else 'there are no archives there'}",
            fix="name one of them, or the path of a .mar file" if there else "scripts/bert up, or scripts/bert pack",
        ) from None
    except DAMAGES as error:
        raise Failure(f"{file} is damaged or no archive of this project: {error}", fix="pack it again") from None


def report(archive: ZipFile) -> dict[str, Any]:
    """`inspect`, of an archive that may be damaged."""
    sums = {entry.filename: digest(archive, entry) for entry in archive.infolist()}
    manifest = json.loads(archive.read("MAR-INF/MANIFEST.json"))
    config = configuration.load(yaml.safe_load(archive.read("model-config.yaml")))
    description = head(archive)
    files = [
        entry for entry in archive.infolist() if entry.filename.startswith(f"{CHECKPOINT}/") and not entry.is_dir()
    ]
    names = {Path(entry.filename).name for entry in files} - {
        heads.FILE,
        heads.DENSE,
        late_interaction.FILE,
        term_weights.FILE,
    }
    if not any(name.endswith((".safetensors", ".bin", ".pt")) for name in names):
        raise ValueError("it holds no weights")
    return {
        "model": manifest["model"]["modelName"],
        "version": manifest["model"]["modelVersion"],
        "packed": iso(str(manifest["createdOn"])),
        "tasks": list(supported_tasks(capabilities(archive, config.handler, description))),
        "labels": description.labels if description else [],
        **msgspec.to_builtins(config.handler),
        "origin": provenance(archive),
        "notes": notes(archive),
        "unsafe": entries.unsafe(archive.infolist()),
        "files": [
            {
                "name": entry.filename.removeprefix(f"{CHECKPOINT}/"),
                "bytes": entry.file_size,
                "sha256": sums[entry.filename],
            }
            for entry in files
        ],
    }


def iso(written: str) -> str:
    """A time in the archiver's own form, in the order that sorts; any other as it is."""
    try:
        return datetime.strptime(written, "%d/%m/%Y %H:%M:%S").isoformat(" ")
    except ValueError:
        return written


def capabilities(archive: ZipFile, config: HandlerConfig, description: HeadMetadata | None) -> set[Capability]:
    """What its tasks may need; see `handler.model.capabilities`."""
    explained = has(archive, WEIGHTS) and header(archive, WEIGHTS)["layers.0.qkv.weight"]["dtype"] == "F32"
    return model.capabilities(
        config, description, explained, has(archive, late_interaction.FILE), has(archive, term_weights.FILE)
    )


def digest(archive: ZipFile, entry: ZipInfo) -> str:
    """The sha256 of an entry, whose own checksum is compared on the way."""
    with archive.open(entry) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # it has readinto


def provenance(archive: ZipFile) -> dict[str, Any] | None:
    """Where the checkpoint came from."""
    if not has(archive, ORIGIN):
        return None
    found: dict[str, Any] = msgspec.to_builtins(
        msgspec.json.decode(archive.read(f"{CHECKPOINT}/{ORIGIN}"), type=Provenance)
    )
    return found


def notes(archive: ZipFile) -> list[str]:
    """What was left out of the checkpoint, or is done otherwise; nothing for archives packed before this was said."""
    return msgspec.json.decode(archive.read(f"{CHECKPOINT}/{NOTES}"), type=list[str]) if has(archive, NOTES) else []


def head(archive: ZipFile) -> HeadMetadata | None:
    """What the archive says of its head."""
    if not has(archive, heads.FILE):
        return None
    return msgspec.json.decode(header(archive, heads.FILE)["__metadata__"][heads.META], type=HeadMetadata)


def header(archive: ZipFile, name: str) -> dict[str, Any]:
    """The first bytes of a safetensors file: a length, and JSON (https://github.com/huggingface/safetensors#format)."""
    with archive.open(f"{CHECKPOINT}/{name}") as file:
        size = int.from_bytes(file.read(8), "little")
        decoded: dict[str, Any] = json.loads(file.read(size))
    return decoded


def has(archive: ZipFile, name: str) -> bool:
    """Whether the checkpoint has the file."""
    return f"{CHECKPOINT}/{name}" in archive.namelist()
