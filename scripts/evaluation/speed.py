"""How fast two archives answer the same texts, in turns, so that what else the machine does meets both."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

import numpy as np

from scripts.evaluation.process import Opened

TIMED = 1000
"""Texts of one round, drawn from a seed where there are more."""
DEFAULTS = {"token-classification": "windows"}
"""What tasks do with long texts, other than cutting them."""


def measure(archives: Sequence[Opened], task: str, inputs: Sequence[Any], seed: int, rounds: int) -> dict[str, Any]:
    """Rounds over all inputs, each archive first in every other one, after they have answered once.

    Returns:
        `texts`, how many of them a round has, `rounds`, `archives` with `texts_per_second` and `tokens_per_second`, and
        `ratio`: how many times as fast the second is. All are medians of rounds.
    """
    if len(inputs) > TIMED:
        chosen = np.sort(np.random.default_rng(seed).choice(len(inputs), TIMED, replace=False))
        inputs = [inputs[number] for number in chosen]
    seconds: dict[int, list[float]] = {number: [] for number in range(len(archives))}
    for turn in range(rounds):
        for number in sorted(seconds, reverse=bool(turn % 2)):
            seconds[number].append(archives[number].seconds(task, inputs))
    sizes = [tokens(archive, task, inputs) for archive in archives]
    rates = [
        {
            "texts_per_second": median(len(inputs) / each for each in seconds[number]),
            "tokens_per_second": median(size / each for each in seconds[number]),
        }
        for number, size in enumerate(sizes)
    ]
    ratio = median(first / second for first, second in zip(seconds[0], seconds[1], strict=True))
    return {"texts": len(inputs), "rounds": rounds, "archives": rates, "ratio": ratio}


def tokens(archive: Opened, task: str, inputs: Sequence[Any]) -> int:
    """Tokens of all inputs, special ones among them, and without those beyond the model's maximum if it cuts them."""
    limit = archive.info["limits"]["max_length"]
    cut = (archive.info["truncation"] or DEFAULTS.get(task)) != "windows"
    texts = [text for item in inputs for text in ([item] if isinstance(item, str) else item)]
    return sum(min(len(each), limit) if cut else len(each) for each in archive.each("tokenize", texts))
