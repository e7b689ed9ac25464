"""OpenVINO on the same model, if it can have it: compared with transformers, then timed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks.families.models import sequence
from benchmarks.peers.in_process import BOUNDS, least_cosine
from benchmarks.peers.models import Model
from benchmarks.peers.process import Worker, converted
from benchmarks.peers.worker import SAMPLE
from handler.types import Encoding

NAME, PRECISION = "OpenVINO", "float32"
REFERENCE = "transformers"
LEAST_SECONDS = 0.25
EXAMPLE = 24
"""Tokens of the text that its graph is traced with."""


def start(
    stack: ExitStack, saved: Path, texts: Sequence[Encoding]
) -> tuple[dict[str, Callable[[], float]], dict[str, str]]:
    """What times it, by the name of its column; or why nothing does, for the column itself."""
    model = Model(f"families/{saved.parent.name}", saved)
    kept = converted(model, NAME, PRECISION).parent
    stack.callback(shutil.rmtree, kept, ignore_errors=True)
    kept.mkdir(parents=True, exist_ok=True)
    (kept / SAMPLE).write_text(json.dumps([[sequence(EXAMPLE).ids]]))
    ids = [text.ids for text in texts]
    try:
        worker = stack.enter_context(Worker(NAME, PRECISION, model))
        reference = stack.enter_context(Worker(REFERENCE, PRECISION, model))
        cosine = least_cosine(worker.vectors(ids), reference.vectors(ids))
    except RuntimeError as error:
        return {}, {"openvino": str(error).rpartition(";")[0].strip()}
    reference.close()
    if cosine < BOUNDS[PRECISION]:
        return {}, {"openvino": f"its least cosine to transformers is {cosine:.4f}"}
    return {"openvino": lambda: worker.seconds(ids, LEAST_SECONDS)}, {"openvino": "equal"}
