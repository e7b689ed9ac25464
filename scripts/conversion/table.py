"""Tables of sorted keys, the format of a checkpoint's `.index` file: LevelDB's, as TensorFlow writes it.

The format: https://github.com/google/leveldb/blob/main/doc/table_format.md. From the file's end: a footer with the
place of the index, an index with the places of the blocks, and blocks of keys and values, where a key leaves out what
it shares with the one before it. A checksum follows every block.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import google_crc32c

from scripts.console import Failure
from scripts.conversion.protobuf import varint

FOOTER = 48
MAGIC = 0xDB4775248B80FB57
TRAILER = 5
"""Bytes after a block: its compression, and its checksum."""
PLAIN = 0
DAMAGED = "the file was damaged; copy it again from where it came from"


def read(file: Path) -> dict[bytes, bytes]:
    """All keys and values.

    Raises:
        Failure: the file is missing, cut off, damaged, or no such table.
    """
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        raise Failure(f"{file} is missing", fix="name the checkpoint by its prefix, such as bert_model.ckpt") from None
    try:
        return dict(walk(content))
    except (IndexError, ValueError, struct.error) as error:
        raise Failure(f"{file} ({len(content)} bytes): {error}", fix=DAMAGED) from None


def walk(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The entries of every block, in order."""
    footer = content[-FOOTER:]
    if len(footer) < FOOTER or struct.unpack("<Q", footer[-8:])[0] != MAGIC:
        raise ValueError("it does not end as the index of a checkpoint does; it was cut off, or is something else")
    meta, at = handle(footer, 0)
    index, at = handle(footer, at)
    if any(footer[at:-8]):
        raise ValueError("its footer holds more than it should")
    list(entries(block(content, *meta)))
    for _, value in entries(block(content, *index)):
        yield from entries(block(content, *handle(value, 0)[0]))


def handle(data: bytes, at: int) -> tuple[tuple[int, int], int]:
    """Offset and size of a block, and the place after them."""
    offset, at = varint(data, at)
    size, at = varint(data, at)
    return (offset, size), at


def block(content: bytes, offset: int, size: int) -> bytes:
    """A block's content, its checksum compared."""
    end = offset + size
    trailer = content[end : end + TRAILER]
    if len(trailer) < TRAILER:
        raise ValueError(f"its block at byte {offset} should have {size} bytes, and the file ends before")
    compression, expected = struct.unpack("<BI", trailer)
    actual = masked(content[offset : end + 1])
    if actual != expected:
        raise ValueError(f"its block at byte {offset} has checksum {actual:08x}, {expected:08x} was written")
    if compression != PLAIN:
        raise ValueError(f"its block at byte {offset} is compressed ({compression}), which TensorFlow never does")
    return content[offset:end]


def entries(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a block; its list of restarting points at the end is for searching only."""
    (restarts,) = struct.unpack("<I", content[-4:])
    end = len(content) - 4 * (restarts + 1)
    at, key = 0, b""
    while at < end:
        shared, at = varint(content, at)
        rest, at = varint(content, at)
        size, at = varint(content, at)
        key = key[:shared] + content[at : at + rest]
        yield key, content[at + rest : at + rest + size]
        at += rest + size


def masked(data: bytes) -> int:
    """CRC-32C as checkpoints keep it: rotated by 15 bits, with a constant added."""
    crc = google_crc32c.value(data)
    return int(((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)
