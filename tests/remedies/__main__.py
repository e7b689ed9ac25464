"""What `pack` advises, done as it says: each folder is refused, then packed, and answers as its original does.

`python -m tests.remedies [--quick] [WORD ...]`. Commands run as they are printed, in a copy of the project with an
environment of its own; `--quick` leaves out those that install packages, words choose rows by their names. Ends with 1
where a folder is not refused at first, an advice fails, or states differ from transformers' by more than 1e-5.
"""

from __future__ import annotations

import json
import sys
import tempfile
import zipfile
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import Any

import orjson
import yaml

from handler import loading
from handler.types import Row as Asked
from scripts.packing import trial
from tests.conftest import SHAPE, save_tokenizer
from tests.hostile.configurations import answers
from tests.remedies import foreign, project
from tests.remedies.commands import commands
from tests.remedies.project import Project
from tests.remedies.rows import Row, rows

ROUNDS = 3
"""Refusals of one folder: what one advice leaves may need another."""


def small_model(folder: Path) -> Path:
    """A BERT with random weights."""
    import torch
    from transformers import BertConfig, BertModel

    words = save_tokenizer(folder)
    torch.manual_seed(0)
    BertModel(BertConfig(vocab_size=words, max_position_embeddings=40, **SHAPE)).save_pretrained(folder)
    return folder


def served(archive: Path, folder: Path) -> list[Any]:
    """States of the texts, by an archive."""
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(folder)
    settings = yaml.safe_load((folder / "model-config.yaml").read_text())
    with trial.quiet():
        pipeline = loading.load(folder, "bert", "1.0", settings, None, lambda *_: None)
    body = orjson.dumps({"task": "hidden-states", "inputs": answers.TEXTS})
    (reply,) = pipeline.answer([Asked({"body": body}, {}, "application/json")])
    assert reply.status == 200, bytes(reply.body)
    return [orjson.loads(reply.body)]


def follow(row: Row, folder: Path, whole: Path, here: Project) -> list[str]:
    """Do what is advised until the folder is packed; what was said and done.

    Raises:
        AssertionError: it was not refused, or a command failed.
    """
    done, pack = [], f"scripts/bert pack {project.quoted(folder)}"
    for _ in range(ROUNDS):
        what, fix = here.advice(folder)
        if not what:
            break
        done.append(what)
        row.by_hand(folder, whole)
        steps = [pack] if row.by_hand.__name__ != "nothing" else commands(fix, pack)
        for command in steps[:-1]:
            here.done(command)
        done += [fix] if row.by_hand.__name__ != "nothing" else steps
        if here.run(steps[-1]).returncode == 0:
            return done
    raise AssertionError("not refused" if not done else f"refused again: {what} {fix}")


def attempt(row: Row, root: Path, whole: Path, here: Project) -> list[str]:
    """One row; what was said and done, with the difference at the end.

    Raises:
        AssertionError: it failed.
    """
    folder = root / "it's mine"
    row.make(whole, folder, here)
    done = follow(row, folder, whole, here)
    kept = root / foreign.STATES
    want = json.loads(kept.read_text()) if row.states else answers.reference(whole, "hidden-states")
    different = answers.difference(served(here.archive, root / "archive"), want)
    assert not different, different
    return done


def main(words: Sequence[str] | None = None) -> int:
    """Run them."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*", help="of names of rows")
    parser.add_argument("--quick", action="store_true", help="only those that install nothing")
    given = parser.parse_args(words)
    chosen = [row for row in rows() if not (given.quick and row.needs)]
    chosen = [row for row in chosen if any(word in row.name for word in given.words or [""])]
    failed = 0
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary).resolve()
        (root / "project").mkdir()
        here, whole = project.copy(root / "project"), small_model(root / "whole")
        for number, row in enumerate(chosen):
            (root / str(number)).mkdir()
            start = monotonic()
            try:
                said = ["as transformers", *attempt(row, root / str(number), whole, here)]
            except AssertionError as error:
                failed += 1
                said = ["FAULT", *str(error).splitlines()]
            lines = "\n    ".join(said[1:]).replace(str(root / str(number)), "PATH").replace(str(root), "PATH")
            print(f"{row.name}: {said[0]}, {monotonic() - start:.0f} s\n    {lines}", flush=True)
    print(f"\n{len(chosen)} folders, {failed} faults")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
