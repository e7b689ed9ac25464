"""`Content-Encoding`: bodies that a client has compressed, expanded up to a bound.

Nothing is expanded beyond the bound, so a few kilobytes that stand for gigabytes cost no more than it.
"""

from __future__ import annotations

import re
import zlib
from typing import Any

from handler.errors import TooLarge, Undecodable, quote

LIMIT = 16 << 20  # as large as a body may be that is not compressed: `max_request_size` in config/config.properties
SLICE, STEP = 1 << 16, 1 << 20  # of what came and of what it holds, at a time
GZIP, ZLIB, RAW = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS
CODINGS = {"gzip": GZIP, "deflate": ZLIB}


def expand(raw: bytes | bytearray, coding: str) -> bytes | bytearray:
    """The body that was compressed.

    Args:
        raw: as it came; an empty body is not compressed, whatever the header says.
        coding: the value of `content-encoding`.

    Raises:
        Undecodable: another coding, several of them, or bytes that are not of this coding.
        TooLarge: there is more than `LIMIT`.
    """
    codings = [name for name in re.split(r"[\s,]+", coding.strip().lower()) if name not in ("", "identity")]
    codings = [name.removeprefix("x-") for name in codings]  # an older name of the same, RFC 9110, 8.4.1.3
    if not codings or not raw:
        return raw
    if len(codings) > 1 or codings[0] not in CODINGS:
        raise Undecodable(f"content-encoding {quote(coding)} is not supported; send gzip, deflate, or no compression")
    try:
        return inflated(raw, window(raw, CODINGS[codings[0]]))
    except zlib.error as error:
        raise Undecodable(f"the body is not {codings[0]}, as content-encoding says: {error}") from None


def window(raw: bytes | bytearray, bits: int) -> int:
    """What `zlib` needs to know; for `deflate` some clients send no header, which is two bytes that 31 divides."""
    wrapped = raw[0] & 15 == zlib.DEFLATED and int.from_bytes(raw[:2]) % 31 == 0
    return RAW if bits == ZLIB and not wrapped else bits


def inflated(raw: bytes | bytearray, bits: int) -> bytearray:
    """What all members of the stream hold, one after the other."""
    found = bytearray()
    stream = zlib.decompressobj(bits)
    with memoryview(raw) as view:
        for start in range(0, len(view), SLICE):
            rest = bytes(view[start : start + SLICE])
            while rest:
                if stream.eof:
                    stream = following(bits)
                found += stream.decompress(rest, STEP)
                if len(found) > LIMIT:
                    raise TooLarge(
                        f"{len(raw)} compressed bytes hold more than {LIMIT}, the most that is expanded; "
                        "send several requests"
                    )
                rest = stream.unused_data or stream.unconsumed_tail
    found += stream.flush()
    if not stream.eof:
        raise zlib.error("it ends too early")
    return found


def following(bits: int) -> Any:
    """What reads the next member; `deflate` has only one."""
    if bits != GZIP:
        raise zlib.error("something follows its end")
    return zlib.decompressobj(bits)
