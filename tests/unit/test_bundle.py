from dataclasses import replace

import numpy as np
import pytest

from scripts.console import Failure
from scripts.conversion import table
from scripts.conversion.bundle import Bundle
from scripts.conversion.protobuf import fields, varint
from tests import bundles

VALUES = np.array([[0.0, -1.5, 2.0], [3.25, 1e-3, 7e4]])


def test_keys_of_many_blocks(tmp_path):
    tensors = {f"layer_{number}/kernel": (1, (2,), np.float32([number, -number]).tobytes()) for number in range(99)}
    bundles.write(tmp_path / "m", tensors, size=7)
    bundle = Bundle(tmp_path / "m")
    assert list(bundle.entries) == sorted(tensors)
    assert [bundle.read(f"layer_{number}/kernel")[1] for number in range(99)] == [-number for number in range(99)]


@pytest.mark.parametrize(("number", "dtype"), [(1, "f4"), (2, "f8"), (19, "f2"), (3, "i4"), (9, "i8")])
def test_types_become_float32(tmp_path, number, dtype):
    with np.errstate(over="ignore"):
        values = VALUES.astype(dtype)
    bundles.write(tmp_path / "m", {"x": (number, (2, 3), values.tobytes())})
    assert np.array_equal(Bundle(tmp_path / "m").read("x"), values.astype(np.float32))


def test_bfloat16_is_the_upper_half_of_float32(tmp_path):
    upper = (VALUES.astype("<f4").view("<u4") >> 16).astype("<u2")
    bundles.write(tmp_path / "m", {"x": (14, (2, 3), upper.tobytes())})
    read = Bundle(tmp_path / "m").read("x")
    assert np.allclose(read, VALUES, rtol=2**-7)
    assert np.array_equal(read.view("<u4") & 0xFFFF, np.zeros((2, 3)))


@pytest.mark.parametrize(
    ("tensor", "slices", "words"),
    [
        ((7, (2,), b"\x01a\x01b"), 0, "data type 7, which is not read"),
        ((1, (2,), bytes(8)), 2, "stored in 2 slices"),
        ((1, (3,), bytes(8)), 0, r"\[3\] cannot have 8 bytes"),
    ],
)
def test_what_is_not_read_says_so(tmp_path, tensor, slices, words):
    bundles.write(tmp_path / "m", {"x": tensor}, slices=slices)
    with pytest.raises(Failure, match=words):
        Bundle(tmp_path / "m").read("x")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "does not end as the index"),
        (b"PK" * 200, "does not end as the index"),
        (bundles.table([bundles.block([(b"a", b"b")], compression=1)]), r"is compressed \(1\)"),
        (bundles.table([bundles.block([(b"a", b"b")])]), "is not the index of a checkpoint"),
        (bundles.table([bundles.block([(b"", b"\x10\x01")])]), "big-endian"),
    ],
)
def test_files_that_are_no_index(tmp_path, content, words):
    (tmp_path / "m.index").write_bytes(content)
    with pytest.raises(Failure, match=words):
        Bundle(tmp_path / "m")


def test_a_missing_index(tmp_path):
    with pytest.raises(Failure, match=r"m\.index is missing"):
        Bundle(tmp_path / "m")


@pytest.mark.parametrize("message", [b"\x08", b"\x12\x05ab", b"\x0b", b"\x35\x01", b"\xff" * 11])
def test_what_is_no_message(message):
    with pytest.raises(ValueError, match=r"no number|bytes|unknown kind"):
        list(fields(message))


def test_numbers_of_seven_bits():
    for number in (0, 1, 127, 128, 300, 2**40):
        assert varint(bundles.varint(number), 0) == (number, len(bundles.varint(number)))


def test_the_checksum_is_the_published_one():
    """RFC 3720, B.4: the CRC-32C of 32 zero bytes is 8a9136aa; masked as tensorflow/core/lib/hash/crc32c.h does."""
    crc = 0x8A9136AA
    assert table.masked(bytes(32)) == ((crc >> 15 | crc << 17 & 0xFFFFFFFF) + 0xA282EAD8) & 0xFFFFFFFF


@pytest.mark.parametrize("offset", [8, 2**40, 2**63, 2**64 - 1])
def test_offsets_beyond_the_file(tmp_path, offset):
    bundles.write(tmp_path / "m", {"x": (1, (2,), bytes(8))})
    bundle = Bundle(tmp_path / "m")
    bundle.entries["x"] = replace(bundle.entries["x"], offset=offset)
    with pytest.raises(Failure, match="which has 8"):
        bundle.read("x")
