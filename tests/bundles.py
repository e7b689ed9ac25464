"""Tensor bundles written by hand, for what TensorFlow's own fixtures do not have: several blocks, other data types."""

import struct
from pathlib import Path

import google_crc32c


def mask(data: bytes) -> int:
    crc = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def block(entries: list[tuple[bytes, bytes]], compression: int = 0) -> bytes:
    """Keys share prefixes, as a table has them; one restarting point."""
    out, last = b"", b""
    for key, value in entries:
        shared = next((i for i, (a, b) in enumerate(zip(key, last, strict=False)) if a != b), min(len(key), len(last)))
        out += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        last = key
    out += struct.pack("<II", 0, 1) + bytes([compression])
    return out + struct.pack("<I", mask(out))


def table(blocks: list[bytes]) -> bytes:
    content, places = b"", []
    for each in [*blocks, block([])]:
        places.append(varint(len(content)) + varint(len(each) - 5))
        content += each
    index = block([(b"%06d" % number, place) for number, place in enumerate(places[:-1])])
    footer = places[-1] + varint(len(content)) + varint(len(index) - 5)
    return content + index + footer.ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)


def entry(dtype: int, shape: tuple[int, ...], offset: int, data: bytes, slices: int = 0) -> bytes:
    """A `BundleEntryProto`."""
    dims = b"".join(b"\x12" + varint(len(part)) + part for part in (b"\x08" + varint(size) for size in shape))
    out = b"\x08" + varint(dtype) + b"\x12" + varint(len(dims)) + dims + b"\x20" + varint(offset)
    return out + b"\x28" + varint(len(data)) + b"\x35" + struct.pack("<I", mask(data)) + b"\x3a\x00" * slices


def write(prefix: Path, tensors: dict[str, tuple[int, tuple[int, ...], bytes]], size: int = 2, slices: int = 0) -> None:
    """Name -> number of its type, shape, bytes; `size` entries a block."""
    data, entries = b"", [(b"", b"\x08\x01")]
    for name in sorted(tensors):
        dtype, shape, content = tensors[name]
        entries.append((name.encode(), entry(dtype, shape, len(data), content, slices)))
        data += content
    blocks = [block(entries[start : start + size]) for start in range(0, len(entries), size)]
    prefix.with_name(f"{prefix.name}.index").write_bytes(table(blocks))
    prefix.with_name(f"{prefix.name}.data-00000-of-00001").write_bytes(data)
