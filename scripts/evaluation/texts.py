"""The texts by which archives are compared: the user's, or words of the model's own vocabulary."""

from __future__ import annotations

from pathlib import Path

from scripts.console import Failure
from scripts.finetuning.files import decoded
from scripts.load import workload

COUNT = 500
"""Texts of the sample: 26 tokens each in the mean, spread as the lengths of queries and passages are."""


def read(file: Path) -> list[str]:
    """One text per line; blank lines are passed over.

    Raises:
        Failure: there are fewer than two, which cannot be compared with each other.
    """
    found = [line for line in decoded(file).split("\n") if line.strip()]
    if len(found) < 2:
        raise Failure(f"{file} holds {len(found)} texts, and two are needed", fix="one text per line")
    return found


def sample(archive: Path, seed: int) -> list[str]:
    """Texts made from a seed."""
    return workload.make("mixed", COUNT, seed, workload.read_archive(archive).tokenizer).texts
