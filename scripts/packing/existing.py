"""Whether an archive is what packing would make, so that `up` neither repeats work nor overwrites an archive."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

import msgspec
import yaml
from msgspec.structs import replace

from handler import config as configuration
from handler.config import CHECKPOINT, ORIGIN, ModelConfig
from handler.errors import ConfigError
from handler.protocols.swagger import FOLDER
from scripts.console import Failure
from scripts.files import provenance
from scripts.files.provenance import Provenance
from scripts.packing import model_config, swagger
from scripts.packing.inspection import DAMAGES
from scripts.paths import HANDLER

MEASURED = ("equal_lengths", "min_length", "rerank")
"""Settings of the section `handler` that packing may change by what it lays out and tries."""


def is_current(archive: Path, checkpoint: Path, settings: ModelConfig, version: str) -> bool:
    """Whether it need not be packed again; False where there is none, or one made by other code from the same.

    Args:
        archive: the file.
        checkpoint: the folder that would be packed.
        settings: what it would get, before anything is tried.
        version: of the model.

    Raises:
        Failure: it is of another checkpoint, or has settings or a version of its own, which packing would throw away.
    """
    if not archive.exists():
        return False
    try:
        with ZipFile(archive) as packed:
            origin = msgspec.json.decode(packed.read(f"{CHECKPOINT}/{ORIGIN}"), type=Provenance)
            own = packed.read("model-config.yaml").decode(), manifest_version(packed)
            code = {name: packed.read(name) for name in packed.namelist() if name.startswith(("handler/", FOLDER))}
    except DAMAGES as error:
        raise Failure(f"{archive} is damaged or no archive of this project: {error}", fix=f"remove {archive}") from None
    if origin.files != provenance.digests(checkpoint, provenance.checkpoint_files(checkpoint)):
        raise keep(archive, f"was packed from another checkpoint, {origin.source}")
    if own != (as_measured(settings, own[0]), version):
        raise keep(archive, "has settings or a version of its own")
    if any(code.get(name) != file.read_bytes() for name, file in swagger.installed().items()):
        return False
    return all(
        (HANDLER.parent / name).is_file() and (HANDLER.parent / name).read_bytes() == content
        for name, content in code.items()
        if not name.endswith("/") and not name.startswith(FOLDER)
    )


def as_measured(settings: ModelConfig, packed: str) -> str:
    """The `model-config.yaml` of these settings, with what packing has measured, as the archive has it.

    Args:
        settings: before anything was tried.
        packed: the archive's `model-config.yaml`.
    """
    try:
        own = configuration.load(yaml.safe_load(packed)).handler
    except (ConfigError, yaml.YAMLError):  # edited by hand, so it is not what packing writes
        return model_config.render(settings)
    measured = {key: getattr(own, key) for key in MEASURED}
    return model_config.render(replace(settings, handler=replace(settings.handler, **measured)))


def manifest_version(packed: ZipFile) -> str:
    """The version of the model."""
    manifest = msgspec.json.decode(packed.read("MAR-INF/MANIFEST.json"))
    return str(manifest["model"]["modelVersion"])


def keep(archive: Path, why: str) -> Failure:
    """An archive is never overwritten by a command that only starts things."""
    return Failure(
        f"{archive} {why}, and would be overwritten",
        fix=f"scripts/bert start {archive.stem} serves it as it is; --name NAME packs beside it; or remove the file",
    )
