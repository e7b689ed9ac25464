"""An unfinished training's folder: what it was asked to do, and where it is after its last whole epoch."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from scripts.console import Failure
from scripts.files.json_files import load_if_there

SETTINGS, STATE = "settings.json", "state.pt"


@dataclass(frozen=True, slots=True)
class TrainingState:
    """The folder beside the result.

    `state.pt` names the file with the best epoch's weights, which is complete before `state.pt` is written. Both are
    renamed into place, so a kill leaves the newest complete state.
    """

    folder: Path

    def record_or_check_settings(self, settings: Mapping[str, Any]) -> None:
        """Keep the settings of a new training, or compare those of an unfinished one.

        Raises:
            Failure: an unfinished training was asked for something else.
        """
        before = load_if_there(self.folder / SETTINGS) if (self.folder / STATE).exists() else {}
        differences = [
            f"{name} was {before.get(name)}, is {settings.get(name)}"
            for name in {**before, **settings}
            if before and before.get(name) != settings.get(name)
        ]
        if differences:
            raise Failure(
                f"{self.folder} holds an unfinished training that differs: {'; '.join(differences)}",
                fix="run the command as it was to go on, or add --fresh to drop that training and begin anew",
            )
        self.write(SETTINGS, lambda file: file.write_text(json.dumps(settings)))

    def load(self) -> dict[str, Any]:
        """What `save` kept last; empty before the first epoch has ended.

        Raises:
            Failure: the file is damaged.
        """
        file = self.folder / STATE
        return self.read(file) if file.exists() else {}

    def read(self, file: Path) -> dict[str, Any]:
        """A file that torch wrote."""
        try:
            content: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
        except Exception as error:  # torch raises many kinds
            raise Failure(f"{file} is damaged: {error}", fix="add --fresh to begin anew") from None
        return content

    def save(self, content: Mapping[str, Any], best: Mapping[str, torch.Tensor] | None) -> None:
        """Keep the state after an epoch; `best` are its weights if it is the best so far."""
        name = best_name(content["best"])
        if best is not None:
            self.write(name, lambda file: torch.save(dict(best), file))
        self.write(STATE, lambda file: torch.save(dict(content), file))
        for old in self.folder.glob("best-*"):
            if old.name != name:
                old.unlink()

    def best(self, epoch: int) -> dict[str, Any]:
        """Weights of the best epoch."""
        return self.read(self.folder / best_name(epoch))

    def write(self, name: str, writer: Any) -> None:
        """Write a file beside its place, and move it there when it is on the disk."""
        part = self.folder / f"{name}.part"
        writer(part)
        with part.open("rb") as stream:
            os.fsync(stream.fileno())
        part.replace(self.folder / name)


def training_folder(target: Path) -> Path:
    """Folder of the training whose result will be `target`."""
    return target.parent / f".{target.name}-training"


def best_name(epoch: int) -> str:
    """File of the best epoch's weights."""
    return f"best-{epoch}.pt"


@contextmanager
def training_folder_lock(target: Path, fresh: bool) -> Iterator[TrainingState]:
    """The folder of the training whose result will be `target`, held against a second one.

    It is gone after success, and after a failure before the first epoch has ended.

    Raises:
        Failure: another process trains there.
    """
    folder = training_folder(target)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failure(
                f"another training of {target} is under way", fix="wait for it, or choose another --out"
            ) from None
        if fresh:
            (folder / STATE).unlink(missing_ok=True)
        try:
            yield TrainingState(folder)
        except BaseException:
            if not (folder / STATE).exists():  # nothing to go on from
                shutil.rmtree(folder)
            raise
        shutil.rmtree(folder)
