"""An archive opened in one's own process: the server's pipeline without Java and HTTP, and with its digits."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from weakref import finalize

import numpy as np
import torch
import yaml
from numpy.typing import NDArray

from handler import config as configuration
from handler import forks, loading
from handler.call import Call, pending
from handler.cores import cores
from handler.errors import BertError, ConfigError, Invalid
from handler.pipeline import Pipeline, postprocess
from handler.protocols.in_process import ROW, InProcess
from handler.telemetry import StageTimer
from handler.unpacking import MANIFEST, hold, unpack

BLOCK = 256
"""Texts of one pass of `embed`: enough to sort by length, and few enough to hold their tokens."""
UNHURRIED = 10**9
"""Seconds for a batch: nobody waits behind it, and TorchServe does not watch it."""


class Archive:
    """A model of this process. One batch runs at a time; further threads wait for their turn.

    Each task is a method by its name: `archive.fill_mask("A [MASK].")`, `archive.rerank(query=..., texts=[...])`.

    Args:
        path: of the `.mar` file.
        threads: to compute with; 0 for one per core.
        device: `cpu`, `cuda:N`, or `auto` as on a server: the first GPU if the archive may use one and there is one.

    Attributes:
        name: of the model, and `version`.
        identity: of its content; the same on all machines.

    Raises:
        ConfigError: there is no such archive or device, it is damaged, or another version of this package packed it.
    """

    def __init__(self, path: str | Path, threads: int = 0, device: str = "auto") -> None:
        self.path = Path(path)
        check_threads(threads)
        folder, self.identity = unpack(self.path)
        self.let_go = finalize(self, os.close, hold(folder))
        with opening(self.path):
            model = json.loads((folder / MANIFEST).read_text())["model"]
            self.name, self.version = str(model["modelName"]), str(model["modelVersion"])
            settings = yaml.safe_load((folder / model["configFile"]).read_text())
            own = configuration.load(settings).handler.threads
            settings, gpu = placed(settings, device)
            threads = settings["handler"]["threads"] = forks.allowed(threads or own or cores())
            if threads > 1:  # the other cores have nothing to do meanwhile
                os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
            self.pipeline: Pipeline | None = loading.load(
                folder, self.name, self.version, settings, gpu, lambda *_: None
            )
        self.turn = forks.turn()

    def embed(self, texts: str | Iterable[str], **options: Any) -> NDArray[Any]:
        """`(texts, dimensions)` float32; `options` are keys of `embedding`, such as `dimensions`.

        Texts that are more than a request may have are sent in several.

        Raises:
            BertError: there is no text, or a text or an option is wrong; the message says which text.
        """
        if options.get("encoding_format") == "base64":
            raise Invalid(
                '"encoding_format" is base64, and embed returns an array; `embedding` returns texts of base64'
            )
        listed = [texts] if isinstance(texts, str) else list(texts)
        size = min(BLOCK, self.opened.config.max_texts)
        blocks = [listed[start : start + size] for start in range(0, len(listed), size)] or [[]]
        asked = ({"inputs": block, **options} for block in blocks)
        found = [
            located(self.answers("embedding", [each])[0], index * size, blocks) for index, each in enumerate(asked)
        ]
        return np.concatenate(found)

    def ask(self, task: str, fields: Mapping[str, Any]) -> Any:
        """A task's plain answer: what its JSON holds, with numbers in arrays.

        Args:
            task: its name, such as `text-classification`; empty for the archive's own.
            fields: the keys of a request.

        Raises:
            BertError: the request is wrong, or the archive cannot do that.
        """
        return raised(self.answers(task, [fields])[0])

    def answers(self, task: str, requests: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Answers of many requests that are computed together; a `BertError` in the place of each that failed."""
        pipeline, timer = self.opened, StageTimer()
        calls = [Call(ROW, InProcess(task, fields)) for fields in requests]
        with self.turn:
            pipeline.deadline.at = float("inf")
            with pipeline.workers.acquire_threads(len(calls)) as threads:
                pipeline.runtime.use_threads(forks.allowed(threads))
                pipeline.compute(calls, timer)
                for call in pending(calls):
                    call.attempt(postprocess)
                    call.outputs = []
        return [call.error or call.answer for call in calls]

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """A task's method: `inputs` may stand first, all other keys have their names."""
        task = name.replace("_", "-")
        if name.startswith("_") or task not in self.tasks:
            why = "was closed" if self.__dict__.get("pipeline", self) is None else "no task of that name"
            raise AttributeError(f"{type(self).__name__} has no {name!r}, and the archive {why}")
        return partial(self.named, task)

    def named(self, task: str, inputs: Any = None, **fields: Any) -> Any:
        """`ask`, with a request's keys as arguments."""
        return self.ask(task, fields if inputs is None else {"inputs": inputs, **fields})

    def __dir__(self) -> Iterable[str]:
        return [*super().__dir__(), *(task.replace("-", "_") for task in self.tasks)]

    @property
    def tasks(self) -> Sequence[str]:
        """Names of what it can do."""
        pipeline = self.__dict__.get("pipeline")
        return [*pipeline.tasks] if pipeline else []

    @property
    def opened(self) -> Pipeline:
        """Its pipeline.

        Raises:
            ValueError: it was closed.
        """
        if self.pipeline is None:
            raise ValueError(f"{self.path} was closed")
        return self.pipeline

    def close(self) -> None:
        """Let go of its memory; the batch in hand is finished."""
        with self.turn:
            self.pipeline = None
            self.let_go()

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def opening(path: Path) -> Iterator[None]:
    """What fails while the content of an archive is read, such as files edited by hand, names the archive.

    Raises:
        ConfigError: something failed; the error that it was is its cause.
    """
    try:
        yield
    except ConfigError:
        raise
    except Exception as error:  # of the JSON, YAML, safetensors and tokenizers libraries, or a file that is missing
        raise ConfigError(
            f"{path} cannot be opened: {type(error).__name__}: {error}; if it was edited, pack it again"
        ) from error


def check_threads(threads: object) -> None:
    """Refuse what is no number of threads.

    Raises:
        ConfigError: see above.
    """
    if not isinstance(threads, int) or isinstance(threads, bool) or threads < 0:
        raise ConfigError(f"threads is {threads!r}; it has to be a whole number, 0 for one per core")


def placed(settings: dict[str, Any], device: str) -> tuple[dict[str, Any], int | None]:
    """An archive's settings for a device, and the number of the GPU that it is.

    Raises:
        ConfigError: there is no such device.
    """
    settings["responseTimeout"] = UNHURRIED
    if device == "auto":
        able = settings.get("deviceType") != "cpu" and torch.cuda.is_available()
        return settings, (settings.get("deviceIds") or [0])[0] if able else None
    kind, _, number = str(device).partition(":")
    if kind not in ("cpu", "cuda") or not (number or "0").isdecimal():
        raise ConfigError(f"{device!r} is no device; the devices are auto, cpu and cuda:N")
    settings["deviceType"] = {"cpu": "cpu", "cuda": "gpu"}[kind]
    return settings, None if kind == "cpu" else int(number or 0)


def located(answer: Any, first: int, blocks: Sequence[Sequence[str]]) -> Any:
    """A block's answer; its error says which of all texts were in the block."""
    if isinstance(answer, BertError) and len(blocks) > 1:
        last = min(first + len(blocks[0]), sum(map(len, blocks)))
        raise type(answer)(f"texts {first + 1} to {last}: {answer}")
    return raised(answer)


def raised(answer: Any) -> Any:
    """An answer, unless it is an error."""
    if isinstance(answer, BertError):
        raise answer
    return answer
