"""Protocol buffers as they are on the wire, as far as a checkpoint's index needs them.

The encoding: https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

from collections.abc import Iterator

VARINT, EIGHT_BYTES, LENGTH, FOUR_BYTES = 0, 1, 2, 5
FIXED = {EIGHT_BYTES: 8, FOUR_BYTES: 4}


def varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, least first, and the place after it.

    Raises:
        ValueError: the bytes end within it, or it has more than 64 bits.
    """
    number = 0
    for position in range(at, min(at + 10, len(data))):
        number |= (data[position] & 0x7F) << 7 * (position - at)
        if data[position] < 0x80:
            return number, position + 1
    raise ValueError(f"no number at byte {at} of {len(data)}")


def fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Each field's number and value: an integer, or the bytes of a string or message.

    Raises:
        ValueError: the bytes are no message.
    """
    at = 0
    while at < len(message):
        key, at = varint(message, at)
        kind = key & 7
        if kind == VARINT:
            value, at = varint(message, at)
            yield key >> 3, value
            continue
        if kind == LENGTH:
            size, at = varint(message, at)
        elif kind in FIXED:
            size = FIXED[kind]
        else:
            raise ValueError(f"field {key >> 3} is of unknown kind {kind}")
        content = message[at : at + size]
        if len(content) < size:
            raise ValueError(f"field {key >> 3} has {len(content)} of {size} bytes")
        yield key >> 3, content if kind == LENGTH else int.from_bytes(content, "little")
        at += size
