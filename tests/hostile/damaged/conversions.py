"""Damaged checkpoints of TensorFlow for `convert`: every file of them, and indexes whose checksums are right."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from random import Random

from scripts.conversion import convert as converter
from scripts.conversion import table
from scripts.conversion.bundle import Entry, entry
from scripts.sources import checkpoint as checkpoints
from tests import bundles
from tests.hostile.damaged import content

DATA = Path(__file__).parents[2] / "data" / "tensorflow"
FOLDERS = ("chinese", "classifier", "pretraining", "squad")
KEYS = (
    *("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "hidden_act"),
    *("max_position_embeddings", "type_vocab_size", "initializer_range", "hidden_dropout_prob", "extra"),
)
NUMBERS = (0, 1, 2, 3, 7, 2**20, 2**31, 2**40, 2**63 - 1, 2**63, 2**64 - 1)
NAMES = (b"\xff\xfe", b"bert/pooler/dense/kernel", b"output_bias", b"x" * 9999, b"../x", b"a\nb", b"\0")


def make(folder: Path, dice: Random) -> list[str]:
    """A copy of one of the checkpoints with one to three changes; what was done."""
    shutil.copytree(DATA / dice.choice(FOLDERS), folder)
    return [one(folder, dice) for _ in range(dice.choice((1, 1, 1, 2, 3)))]


def one(folder: Path, dice: Random) -> str:
    """A change of one file."""
    files = sorted(each for each in folder.iterdir() if each.is_file() and each.suffix not in (".npz",))
    if not files:
        return "as it was"
    file = dice.choice(files)
    try:
        return dice.choice(ways(file))(file, dice)
    except Exception as error:  # of a file that an earlier change made unreadable
        return f"{file.name} as it was ({type(error).__name__})"


def ways(file: Path) -> list[content.Way]:
    """What may be done to a file."""
    return [*SPECIAL.get(file.name, ()), *SPECIAL.get(file.suffix, ()), content.change, swapped]


def swapped(file: Path, dice: Random) -> str:
    """That of another checkpoint."""
    return content.swap(file, [there for name in FOLDERS if (there := DATA / name / file.name).exists()], dice)


def settings(file: Path, dice: Random) -> str:
    """A value of the configuration."""
    return content.edit(file, KEYS, dice)


def words(file: Path, dice: Random) -> str:
    """Lines of the vocabulary: fewer, more, other ones, another order."""
    lines = file.read_text().split("\n")
    at = dice.randrange(len(lines))
    lines[at : at + dice.choice((0, 1, 1, 5))] = dice.choice(([], ["[CLS]"], ["", ""], ["x" * 99_999], ["a", "a"]))
    file.write_text("\n".join(sorted(lines) if dice.random() < 0.2 else lines))
    return f"{file.name}: line {at + 1}"


def signed(file: Path, dice: Random) -> str:
    """Another entry of the index, with its checksum."""
    found = table.read(file)
    name = dice.choice(sorted(found))
    if dice.random() < 0.3:
        found[dice.choice(NAMES)] = found.pop(name)
    elif name:
        found[name] = written(entry(found[name]), dice)
    else:
        found[name] = dice.choice((b"", b"\x08\x00", b"\x08\x07", b"\x08" + bundles.varint(2**40), b"\x10\x01"))
    pairs = sorted(found.items())
    file.write_bytes(bundles.table([bundles.block(pairs[at : at + 9]) for at in range(0, len(pairs), 9)]))
    return f"{file.name}: {name[:40]!r}"


def written(known: Entry, dice: Random) -> bytes:
    """An entry with another number in it."""
    key = dice.choice(("dtype", "shape", "shard", "offset", "size"))
    number = dice.choice(NUMBERS)
    shape = dice.choice(((), (number,), (*known.shape, number), known.shape[::-1], (number,) * 9))
    changed = replace(known, **{key: shape if key == "shape" else number})
    dims = b"".join(b"\x12" + bundles.varint(len(each)) + each for each in map(dimension, changed.shape))
    numbers = {1: changed.dtype, 3: changed.shard, 4: changed.offset, 5: changed.size}
    fields = b"".join(bytes([field << 3]) + bundles.varint(value) for field, value in numbers.items())
    return fields + b"\x12" + bundles.varint(len(dims)) + dims + b"\x35" + changed.crc.to_bytes(4, "little")


def dimension(size: int) -> bytes:
    """Of a `TensorShapeProto`."""
    return b"\x08" + bundles.varint(size)


SPECIAL: dict[str, tuple[content.Way, ...]] = {
    "bert_config.json": (settings, settings, settings),
    "vocab.txt": (words, words),
    ".index": (signed, signed),
}
"""By name or ending, and how likely."""


def use(folder: Path, target: Path) -> None:
    """Convert it, and look at what came out."""
    converter.convert(converter.Source(folder), target, verified=True)
    checkpoints.read(target)
