"""Swagger UI over the archive's OpenAPI document, in which requests can be tried; `GET .../docs`.

Swagger UI comes with the archive: the page asks no other server.
"""

from __future__ import annotations

from html import escape
from pathlib import Path

from handler.call import Call
from handler.errors import BertError, UnknownTask, unknown
from handler.protocols.base import Decoded, EncodedBody, Protocol, Tasks, envelope
from handler.protocols.operations import Archive, Operation, Operations
from handler.tasks.info import Info, InfoRequest
from handler.types import Row

PATH = "docs"
HTML = "text/html; charset=utf-8"
SCRIPT = Path(__file__).with_suffix(".js")
VENDORED = {
    "swagger-ui.css": "text/css; charset=utf-8",
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "favicon-32x32.png": "image/png",
}
"""Swagger UI's files that are used, and their types."""
FILES = {**VENDORED, SCRIPT.name: "text/javascript; charset=utf-8"}
FOLDER = "swagger-ui"
"""Of an archive, where `scripts/packing/swagger.py` puts them."""
SOURCE = Path(__file__).parents[2] / FOLDER
PATHS = (PATH, *(f"{PATH}/{name}" for name in FILES))
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Styles are set on elements by Swagger UI itself, and its pictures are in its style sheet."""
SAFE = {"x-content-type-options": "nosniff"}
MISSING = "this archive was packed without Swagger UI: pack it again; openapi.json holds the same"


class SwaggerUI(Protocol):
    """A page and its files."""

    def decode(self, row: Row, tasks: Tasks, default: str) -> Decoded:
        """Nothing is read.

        Raises:
            UnknownTask: it is none of `PATHS`, or the archive was packed without Swagger UI.
        """
        if row.path not in PATHS:
            raise UnknownTask(unknown("route", row.path, PATHS))
        if not installed():
            raise UnknownTask(MISSING)
        return Decoded(tasks[Info.name], InfoRequest())

    def encode(self, call: Call) -> EncodedBody:
        """The page, or one of its files, which a browser may keep for an hour."""
        assert call.task is not None
        name = call.row.path.removeprefix(PATH).lstrip("/")
        if not name:
            model = call.task.model
            return EncodedBody(page(model.name, model.version), HTML, SAFE | {"content-security-policy": POLICY})
        file = SCRIPT if name == SCRIPT.name else SOURCE / name
        return EncodedBody(file.read_bytes(), FILES[name], SAFE | {"cache-control": "max-age=3600"})

    def encode_error(self, error: BertError) -> bytes:
        """The native envelope."""
        return envelope(error)

    def operations(self, archive: Archive) -> Operations:
        """See `Protocol.operations`."""
        files = {
            f"{PATH}/{name}": Operation("A file of that page.", media=(kind.partition(";")[0],))
            for name, kind in FILES.items()
        }
        return {PATH: Operation("A page to try requests on.", media=("text/html",)), **files}


def installed() -> bool:
    """Whether the archive has it."""
    return SOURCE.is_dir()


def page(name: str, version: str) -> bytes:
    """Nothing but where the files are; all else is in the document, for which a key may be needed."""
    base = f"/predictions/{escape(name)}/{escape(version)}/{PATH}"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(name)}</title>'
        f'<meta name="viewport" content="width=device-width"><link rel="icon" href="{base}/favicon-32x32.png">'
        f'<link rel="stylesheet" href="{base}/swagger-ui.css"><div id="swagger-ui"></div>'
        f'<script src="{base}/swagger-ui-bundle.js"></script><script src="{base}/{SCRIPT.name}"></script></html>'
    ).encode()
