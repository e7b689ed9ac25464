"""The packed encoder in ONNX Runtime, in float32 or with 8-bit linears. On a CPU.

Its matrix products are up to twice as fast as torch's for few rows on CPUs that are not Intel's, and about a tenth
faster for many. It rearranges matrices for them, which takes memory of its own in each process; so the first worker
writes the rearranged ones to a file beside the graph, and all workers map that.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from contextlib import suppress
from logging import getLogger
from pathlib import Path
from typing import ClassVar

import onnxruntime
from torch import Tensor

from handler.cores import cores
from handler.runtimes.base import GRAPH, Placement, Placements, Runtime, load_word_embeddings
from handler.runtimes.padding import pad, unpad
from handler.types import Encoding, Output

log = getLogger(__name__)

READY = "prepacked.onnx"
"""The graph with rearranged matrices. It holds for this machine's CPU, so it is never part of an archive."""


class Onnx(Runtime):
    """`model.onnx`; inside it only attention sees padding, which still costs enough to plan for it."""

    name = "onnx"
    padded = True
    placements: ClassVar[Placements] = {"cpu": ("float32", "int8")}

    def __init__(self, checkpoint: Path, placement: Placement) -> None:
        self.checkpoint = checkpoint
        self.graph = prepack(checkpoint)
        self.sessions: dict[int, onnxruntime.InferenceSession] = {}
        for threads in (cores(), 1):  # a lone request and a loaded server; made here, so that no request waits for them
            self.use_threads(threads)
        self.inputs = [each.name for each in self.session.get_inputs()]

    def use_threads(self, threads: int) -> None:
        """A session keeps the threads it was made with; further ones cost little, as they map the same matrices."""
        super().use_threads(threads)  # a head runs in torch
        threads = 1 << (threads.bit_length() - 1)  # powers of two: a few sessions serve any number
        if threads not in self.sessions:
            self.sessions[threads] = onnxruntime.InferenceSession(
                self.graph, options(threads), providers=["CPUExecutionProvider"]
            )
        self.session = self.sessions[threads]

    def run(self, encodings: Sequence[Encoding]) -> list[Output]:
        """One pass over all tokens."""
        padded = pad(encodings)
        hidden, *pooled = self.session.run(None, {name: padded[name] for name in self.inputs})
        return unpad(encodings, hidden, pooled[0] if pooled else None)

    def word_embeddings(self) -> Tensor:
        """See `Runtime.word_embeddings`; 8-bit archives keep their tables in float32."""
        return load_word_embeddings(self.checkpoint)


def options(threads: int) -> onnxruntime.SessionOptions:
    """Threads that sleep while they wait: other workers need the cores."""
    chosen = onnxruntime.SessionOptions()
    chosen.intra_op_num_threads = threads
    chosen.inter_op_num_threads = 1
    chosen.log_severity_level = 3
    chosen.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return chosen


def prepack(checkpoint: Path) -> Path:
    """The graph with matrices as this CPU multiplies them; written by the first who asks, while others wait.

    Where they cannot be written, it is the archive's own graph, and each worker rearranges for itself.
    """
    ready = checkpoint / READY
    with (checkpoint / GRAPH).open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if ready.exists():
            return ready
        part = checkpoint / f"{READY}.{os.getpid()}"
        chosen = options(1)
        chosen.optimized_model_filepath = str(part)
        chosen.add_session_config_entry("session.optimized_model_external_initializers_file_name", f"{READY}.weights")
        chosen.add_session_config_entry("session.optimized_model_external_initializers_min_size_in_bytes", "4096")
        chosen.add_session_config_entry("session.save_external_prepacked_constant_initializers", "1")
        try:
            onnxruntime.InferenceSession(checkpoint / GRAPH, chosen, providers=["CPUExecutionProvider"])
            part.replace(ready)
        except Exception as error:  # ONNX Runtime has its own kinds, such as for a full disk
            log.warning("matrices are not shared between workers: %s", error)
            for half in (part, checkpoint / f"{READY}.weights"):
                with suppress(OSError):
                    half.unlink()
            return checkpoint / GRAPH
    return ready
