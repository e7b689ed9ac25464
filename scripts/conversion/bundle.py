"""A TensorFlow checkpoint: an `.index` that says where each tensor lies, and data files that hold their bytes.

The format: tensorflow/core/protobuf/tensor_bundle.proto and tensorflow/core/util/tensor_bundle/tensor_bundle.cc.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scripts.console import Failure
from scripts.conversion import table
from scripts.conversion.protobuf import fields
from scripts.conversion.table import DAMAGED

BFLOAT16 = 14
DTYPES = {1: "<f4", 2: "<f8", 3: "<i4", 9: "<i8", BFLOAT16: "<u2", 19: "<f2"}
"""Numbers of tensorflow/core/framework/types.proto, and numpy's names for them."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a tensor lies.

    Attributes:
        dtype: a number of types.proto.
        shape: of the tensor.
        shard: number of its data file.
        offset, size: bytes in that file.
        crc: masked CRC-32C of those bytes.
        slices: into how many parts it was cut.
    """

    dtype: int = 0
    shape: tuple[int, ...] = ()
    shard: int = 0
    offset: int = 0
    size: int = 0
    crc: int = 0
    slices: int = 0


class Bundle:
    """The tensors of a checkpoint, each read when it is asked for.

    Attributes:
        index: the `.index` file.
        entries: name -> where it lies.
    """

    def __init__(self, prefix: Path) -> None:
        self.prefix = prefix
        self.index = prefix.with_name(f"{prefix.name}.index")
        found = table.read(self.index)
        try:
            self.shards = shards(found.pop(b""))
            self.entries = {key.decode(): entry(value) for key, value in found.items() if not key.startswith(b"\0")}
        except (KeyError, UnicodeDecodeError, ValueError) as error:
            raise Failure(f"{self.index} is not the index of a checkpoint: {error}", fix=DAMAGED) from None
        missing = [file.name for file in map(self.file, range(self.shards)) if not file.exists()]
        if missing:
            raise Failure(
                f"{self.index} needs {self.shards} data files; missing: {', '.join(missing)}",
                why=f"the first of their tensors: {self.first_of(missing)}",
                fix="copy every file of the checkpoint into the folder",
            )

    def file(self, shard: int) -> Path:
        """A data file."""
        return self.prefix.with_name(f"{self.prefix.name}.data-{shard:05d}-of-{self.shards:05d}")

    def first_of(self, files: list[str]) -> str:
        """The first tensor that lies in one of the files."""
        held = (name for name, entry in self.entries.items() if self.file(entry.shard).name in files)
        return next(held, "none")

    def read(self, name: str) -> NDArray[np.float32]:
        """A tensor as float32, its bytes compared with their checksum.

        Raises:
            Failure: its data file is too short or damaged, or it holds something else than floating-point numbers.
        """
        entry = self.entries[name]
        file = self.file(entry.shard)
        kind = DTYPES.get(entry.dtype)
        if kind is None or entry.slices:
            what = f"is stored in {entry.slices} slices" if entry.slices else f"has the data type {entry.dtype}"
            raise Failure(
                f"{name} {what}, which is not read", fix="save it again with tf.train.Saver, whole, as float32"
            )
        if entry.size != prod(entry.shape) * np.dtype(kind).itemsize:
            raise Failure(
                f"{name}: {list(entry.shape)} cannot have {entry.size} bytes, as {self.index} says", fix=DAMAGED
            )
        there = file.stat().st_size
        if entry.offset + entry.size > there:
            raise Failure(
                f"{name} is bytes {entry.offset} to {entry.offset + entry.size} of {file}, which has {there}",
                fix="the file was cut off; copy it again from where it came from",
            )
        with file.open("rb") as stream:
            stream.seek(entry.offset)
            data = stream.read(entry.size)
        actual = table.masked(data)
        if actual != entry.crc:
            raise Failure(
                f"{name}: bytes {entry.offset} to {entry.offset + entry.size} of {file} have checksum {actual:08x}, "
                f"{entry.crc:08x} was written",
                fix=DAMAGED,
            )
        values = np.frombuffer(data, kind).reshape(entry.shape)
        if entry.dtype == BFLOAT16:
            return (values.astype(np.uint32) << 16).view(np.float32)
        return values.astype(np.float32, copy=False)


def shards(header: bytes) -> int:
    """Number of data files, from a `BundleHeaderProto`."""
    values = dict(fields(header))
    if values.get(2):
        raise ValueError("it was written on a big-endian machine")
    return int(values.get(1, 0))


def entry(message: bytes) -> Entry:
    """A `BundleEntryProto`; what has its default value is not in it."""
    values = dict(fields(message))
    numbers = {
        name: int(values.get(number, 0))
        for number, name in {1: "dtype", 3: "shard", 4: "offset", 5: "size", 6: "crc"}.items()
    }
    slices = sum(number == 7 for number, _ in fields(message))
    return Entry(shape=shape(as_bytes(values.get(2, b""))), slices=slices, **numbers)


def shape(message: bytes) -> tuple[int, ...]:
    """A `TensorShapeProto`."""
    dimensions = [dict(fields(as_bytes(value))) for number, value in fields(message) if number == 2]
    return tuple(int(dimension.get(1, 0)) for dimension in dimensions)


def as_bytes(value: int | bytes) -> bytes:
    """The value of a field that is a message.

    Raises:
        ValueError: it is a number.
    """
    if isinstance(value, int):
        raise ValueError(f"a message was expected, not {value}")
    return value
