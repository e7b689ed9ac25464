"""An archive in a process of its own, computed by the code that it carries: two of different versions side by side."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Self
from zipfile import BadZipFile, ZipFile

import numpy as np
import orjson
from numpy.typing import NDArray

from scripts.console import Failure

WORKER = Path(__file__).with_name("worker.py")
BLOCK = 256
"""Inputs of one batch: enough to be sorted by length, and few enough for their answers to be held twice."""
SHOWN = 15
"""Lines of a process that died."""
Fields = Mapping[str, Any]


class Opened:
    """An archive, ready to answer. It computes in another process, on all cores, as a server's lone worker does.

    Args:
        name: what the user calls it.
        archive: its file.

    Attributes:
        info: what the archive says of itself; see the task `info`.
        code: the files of the package `handler` within it.

    Raises:
        Failure: it cannot be opened.
    """

    def __init__(self, name: str, archive: Path) -> None:
        self.name, self.archive = name, archive
        self.code = code(archive)
        self.words: IO[bytes] = tempfile.TemporaryFile()
        environment = {"OMP_WAIT_POLICY": "PASSIVE", **os.environ, "PYTHONPATH": str(archive.resolve())}
        self.process = subprocess.Popen(
            [sys.executable, "-P", WORKER, archive.resolve()],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.words,
        )
        try:
            self.info = self.reply()
            if "error" in self.info:
                raise Failure(
                    f"{name}: {self.info['error']}", fix=f"scripts/bert pack CHECKPOINT --name {archive.stem}"
                )
        except BaseException:
            self.close()
            raise

    def ask(self, task: str, requests: Sequence[Fields], silent: bool = False) -> tuple[list[Any], float]:
        """The answers to requests, computed together, and the seconds that took.

        Args:
            task: its name.
            requests: the keys of each.
            silent: the answers are not wanted.

        Raises:
            Failure: the archive refuses one of them.
        """
        assert self.process.stdin
        try:
            self.process.stdin.write(orjson.dumps({"task": task, "requests": requests, "silent": silent}) + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # the reply says why
        found = self.reply()
        if "error" in found:
            raise Failure(f"{self.name} refuses a request of {task}: {found['error']}")
        return found["answers"], found["seconds"]

    def each(self, task: str, inputs: Sequence[Any], **fields: Any) -> list[Any]:
        """An answer for each input, in blocks.

        Raises:
            Failure: the archive refuses one; the message says in which block.
        """
        return [answer for block in self.blocks(task, inputs, fields) for answer in block]

    def vectors(self, texts: Sequence[str], **fields: Any) -> NDArray[np.float32]:
        """`(texts, dimensions)`, each of length 1."""
        found = [np.asarray(block, np.float32) for block in self.blocks("embedding", texts, fields)]
        return normalized(np.concatenate(found))

    def seconds(self, task: str, inputs: Sequence[Any], **fields: Any) -> float:
        """How long it takes to answer all inputs, in blocks, without what it takes to hand answers over."""
        return sum(self.ask(task, [{"inputs": block, **fields}], silent=True)[1] for block in self.cut(inputs))

    def blocks(self, task: str, inputs: Sequence[Any], fields: Fields) -> Iterator[Any]:
        """Answers, block by block."""
        done = 0
        for block in self.cut(inputs):
            try:
                yield self.ask(task, [{"inputs": block, **fields}])[0][0]
            except Failure as failure:
                where = f"inputs {done + 1} to {done + len(block)} of {len(inputs)}"
                raise Failure(f"{failure.what} ({where})", failure.fix, failure.why) from None
            done += len(block)

    def cut(self, inputs: Sequence[Any]) -> Iterator[Sequence[Any]]:
        """Blocks within the limits of the archive; a pair is two texts."""
        limits = self.info["limits"]
        block: list[Any] = []
        letters = 0
        for item in inputs:
            size = len(item) if isinstance(item, str) else sum(map(len, item))
            if block and (
                len(block) >= min(BLOCK, limits["max_texts"] // 2) or letters + size > limits["max_characters"]
            ):
                yield block
                block, letters = [], 0
            block.append(item)
            letters += size
        if block:
            yield block

    def reply(self) -> Any:
        """The next line of the process.

        Raises:
            Failure: it ended.
        """
        assert self.process.stdout
        line = self.process.stdout.readline()
        if line.endswith(b"\n"):
            return orjson.loads(line)
        status = self.process.wait()
        self.words.seek(0)
        said = self.words.read().decode(errors="replace").splitlines()[-SHOWN:]
        raise Failure(f"{self.name}: its process ended with status {status}", why="\n".join(said))

    def close(self) -> None:
        """End the process."""
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                pipe.close()
        self.process.terminate()
        self.process.wait()
        self.words.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def normalized(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each row with a length of 1; one of zeros stays."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    normal: NDArray[np.float32] = rows / np.maximum(lengths, np.finfo(np.float32).tiny)
    return normal


def find(name: str, store: Path) -> Path:
    """The file of an archive: a path of a `.mar`, or a name in the model store.

    Raises:
        Failure: there is none.
    """
    file = Path(name) if name.endswith(".mar") else store / f"{name}.mar"
    if not file.is_file():
        there = ", ".join(sorted(each.stem for each in store.glob("*.mar"))) or "no archives"
        raise Failure(f"there is no {file}", fix=f"scripts/bert pack makes archives; {store} has {there}")
    return file


def code(archive: Path) -> frozenset[tuple[str, int]]:
    """The files of the package `handler` in an archive, each with its checksum.

    Raises:
        Failure: it is no archive.
    """
    try:
        with ZipFile(archive) as packed:
            entries = packed.infolist()
    except BadZipFile as error:
        raise Failure(f"{archive} is no archive, or damaged: {error}", fix="pack it again") from None
    return frozenset((each.filename, each.CRC) for each in entries if each.filename.startswith("handler/"))
