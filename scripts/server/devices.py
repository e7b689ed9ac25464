"""Which GPUs a server's workers get, and what TorchServe's Java is told of them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping

from scripts.server.gpu import hardware, probe

VISIBLE = "CUDA_VISIBLE_DEVICES"
OWN = "BERT_VISIBLE_DEVICES"
"""What a worker puts in the place of `VISIBLE` again; see `handler/bert_handler.py`."""
NUMBERS = re.compile(r"\d+(,\d+)*")


def usable(device: str | None) -> int:
    """How many of them; torch, which takes seconds to import, is asked only where there is hardware."""
    return probe().usable if device != "cpu" and hardware() else 0


def worker_gpu_environment(gpus: int, environment: Mapping[str, str]) -> dict[str, str]:
    """What of the environment has to differ for that many GPUs.

    Java counts the entries of `VISIBLE`, and ends where one is no number, as UUIDs and MIG's names are; without the
    variable it asks nvidia-smi, and where that is not installed it sees no GPU (`ConfigManager` of TorchServe 0.12).
    """
    given = environment.get(VISIBLE)
    numbers = {VISIBLE: ",".join(map(str, range(gpus)))}
    if gpus == 0:
        return {} if given is None else numbers
    if given is None:
        return {} if shutil.which("nvidia-smi") else numbers
    return {} if NUMBERS.fullmatch(given) and given.count(",") + 1 == gpus else {**numbers, OWN: given}
