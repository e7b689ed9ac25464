"""`GET .../ui`: one page that asks the archive it came with and draws the answers; `ui/` in the repository builds it.

Format of the policy: https://www.w3.org/TR/CSP3/
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path

from handler.call import Call
from handler.errors import BertError
from handler.protocols.base import Decoded, EncodedBody, Protocol, Tasks, envelope
from handler.protocols.operations import Archive, Operation, Operations
from handler.tasks.info import Info, InfoRequest
from handler.types import Row

PATH = "ui"
FILE = Path(__file__).parents[1] / "page" / "index.html"
INLINE = r"<{0}>(.*?)</{0}>"


class UserInterface(Protocol):
    """One path; what it answers depends on nothing but the build."""

    def decode(self, row: Row, tasks: Tasks, default: str) -> Decoded:
        """Nothing is read."""
        return Decoded(tasks[Info.name], InfoRequest())

    def encode(self, call: Call) -> EncodedBody:
        """The page."""
        body = content()
        return EncodedBody(body, "text/html; charset=utf-8", headers(body))

    def encode_error(self, error: BertError) -> bytes:
        """This project's own form."""
        return envelope(error)

    def operations(self, archive: Archive) -> Operations:
        """See `Protocol.operations`."""
        return {PATH: Operation("A page that asks the archive and draws its answers.", media=("text/html",))}


@cache
def content() -> bytes:
    """The file, read once."""
    return FILE.read_bytes()


@cache
def headers(page: bytes) -> Mapping[str, str]:
    """The page's own script and style run, it asks the server that it came from, and nothing else is let in or out."""
    script, style = (hashed(page.decode(), element) for element in ("script", "style"))
    policy = (
        f"default-src 'none'; script-src {script}; style-src {style}; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return {
        "content-security-policy": policy,
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
    }


def hashed(page: str, element: str) -> str:
    """The source expression of each inline element of that name."""
    found = re.findall(INLINE.format(element), page, re.DOTALL)
    return " ".join(f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" for text in found)
