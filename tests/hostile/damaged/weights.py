"""Damaged checkpoint folders for `finetune` and `pack`: weights, vocabularies, and all that a configuration may say."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any

from handler.config import ORIGIN
from scripts.files import provenance
from scripts.finetuning import finetune as tuner
from scripts.packing import pack as packer
from scripts.sources import checkpoint as checkpoints
from tests import folders
from tests.hostile.configurations import mutations
from tests.hostile.damaged import content, examples

DTYPES = ("F64", "F32", "F16", "BF16", "I64", "U8", "BOOL", "F8_E4M3", "I4", "", 7, None)
NUMBERS = (-1, 0, 1, 7, 10**6, 2**40, 2**63, 1e30, None, "1", [], {})
WORDS = ("tokenizer.json", "vocab.txt", "tokenizer_config.json", "config.json", ORIGIN)
KINDS: Mapping[str, Callable[[Path, Path], Path]] = {
    "whole": lambda base, folder: Path(shutil.copytree(base, folder)),
    "sharded": folders.sharded,
    "pickled": folders.pickled,
    "sharded pickles": folders.sharded_pickles,
}


def make(folder: Path, dice: Random, base: Path) -> list[str]:
    """A checkpoint with one to three changes; what was done."""
    kind = dice.choice(sorted(KINDS))
    KINDS[kind](base, folder)
    provenance.write_with_digests(provenance.Provenance("somewhere"), folder)
    if dice.random() < 0.2:
        shutil.copy(base.with_name("tokenizer") / "vocab.txt", folder)
        (folder / "tokenizer.json").unlink()
    return [kind, *(one(folder, dice) for _ in range(dice.choice((1, 1, 1, 2, 3))))]


def one(folder: Path, dice: Random) -> str:
    """A change of one file."""
    files = sorted(each for each in folder.iterdir() if each.is_file())
    held = [each for each in files if each.suffix in (".safetensors", ".bin") or each.name.endswith(".index.json")]
    file = dice.choice(held * 2 + [each for each in files if each.name in WORDS])
    try:
        if dice.random() < 0.15:
            return mutations.change(folder, dice)
        if file.suffix == ".safetensors" and dice.random() < 0.6:
            return header(file, dice)
        if file.name.endswith(".index.json") and dice.random() < 0.7:
            return indexed(file, dice)
    except Exception as error:  # of a file that an earlier change made unreadable
        return f"{file.name} as it was ({type(error).__name__})"
    return content.change(
        file, dice, content.BINARY if file.suffix in (".safetensors", ".bin") else (*content.CHANGES,)
    )


def header(file: Path, dice: Random) -> str:
    """Another entry of a safetensors file, which still is one."""
    data = file.read_bytes()
    size = int.from_bytes(data[:8], "little")
    found: dict[str, Any] = json.loads(data[8 : 8 + size])
    name = dice.choice(sorted(found))
    key = dice.choice(("dtype", "shape", "data_offsets", "name", "gone"))
    place = found.pop(name)
    if key == "name":
        found[dice.choice(("", "x" * 9999, "classifier.weight", "\ud800", f"bert.{name}"))] = place
    elif key != "gone":
        values = DTYPES if key == "dtype" else (*NUMBERS, [dice.choice(NUMBERS)] * 2, [0, 4], [[]])
        found[name] = {**place, key: dice.choice(values)} if isinstance(place, dict) else dice.choice(NUMBERS)
    made = json.dumps(found).encode()
    file.write_bytes(len(made).to_bytes(8, "little") + made + data[8 + size :])
    return f"{file.name}: {key} of {name}"


def indexed(file: Path, dice: Random) -> str:
    """Another file for a tensor, or another list of files."""
    found = json.loads(file.read_text())
    names = found["weight_map"]
    name = dice.choice(sorted(names))
    value = dice.choice(("", ".", "..", "../config.json", "config.json", "nowhere.safetensors", "\0", *mutations.JUNK))
    if dice.random() < 0.3:
        found["weight_map"] = dice.choice((None, [], {}, "a", {name: names[name]}, 7))
    else:
        names[name] = value
    file.write_text(json.dumps(found))
    return f"{file.name}: {name} {str(value)[:30]!r}"


def pack(folder: Path, target: Path) -> None:
    """Into a store."""
    packer.pack(folder, "bert", "1.0", {"handler": {"threads": 1}}, target)


def finetune(folder: Path, target: Path, data: Path) -> None:
    """Train on good examples."""
    settings = tuner.Settings("text-classification", epochs=1, max_length=16)
    tuner.finetune(data, str(folder), target, settings)
    checkpoints.read(target)


def good(folder: Path) -> Path:
    """Examples as they should be."""
    file = folder / "labels.csv"
    file.write_text(examples.as_csv(examples.labelled()))
    return file
