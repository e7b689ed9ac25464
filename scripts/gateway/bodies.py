"""Bodies: how large they may be, and who holds those that do not fit into a small buffer.

HAProxy copies the whole buffer of each request that it may have to send again, however little is in it, and all buffers
of a process have one size. With 1 MiB for every request that copy took more than half of its time. So the HAProxy
of the door has small buffers, and a larger body goes through a second one, `bodies`: it waits for all of it, and sends
it to `within`, again where that is needed, as `models` does with small ones.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import orjson

from scripts.gateway import maps
from scripts.gateway.rules import JSON, envelope, failure, quoted, refusal
from scripts.gateway.settings import CLIENTS, Settings

CONFIG = "bodies.cfg"
ADMIN, SOCKET = "bodies-admin.sock", "bodies.sock"
"""In the folder of the gateway: where it takes commands, and where the door sends large bodies to."""
HELD = 64 << 10
"""Bytes of a body that the HAProxy of the door holds by itself."""
RESERVED = 32 << 10
"""Bytes of a buffer beside the body: headers, and what rules add to them."""
MAX_HEADERS = 8000
"""TorchServe itself takes 8 KiB."""
MAX_FORM = 64 << 10
FORM = "{ req.hdr(content-type) -i -m beg application/x-www-form-urlencoded }"
BROKEN = "%([^0-9A-Fa-f]|[0-9A-Fa-f]([^0-9A-Fa-f]|$)|$)"
"""In a form or an address; TorchServe answers the first with a 500, which would be sent again."""
WAIT = "http-request wait-for-body time 10s"
PAUSE = 300
"""Milliseconds."""


def bounded(settings: Settings, held: int) -> Iterator[str]:
    """Rules of the door: whole bodies of bounded size, so that a slow client holds no place in a server."""
    yield refusal(
        431,
        "headers_too_large",
        f"headers of more than {MAX_HEADERS} bytes",
        f"if {{ req.hdrs,length gt {MAX_HEADERS} }}",
    )
    yield refusal(
        415,
        "unsupported_media_type",
        "multipart forms are not taken; send JSON",
        "if { req.hdr(content-type) -i -m beg multipart/ }",
    )
    yield from too_large(settings, "req.body_size")
    yield f"acl beyond req.body_size gt {held}"
    yield f"{WAIT} if !beyond"
    yield f"acl beyond req.body_len gt {held}"  # one in chunks announces nothing
    yield from too_large(settings, "req.body_len")
    yield f"acl broken_form req.body -m reg '{BROKEN}'"
    yield refusal(400, "malformed", "a form has a % that no two hexadecimal digits follow", f"if {FORM} broken_form")


def led(settings: Settings, held: int) -> Iterator[str]:
    """Rule of the door: where bodies go that it does not hold."""
    if settings.max_body > held:
        yield "use_backend bodies if beyond"


def sent() -> list[str]:
    """The way to the second process. A connection that is kept may end with it, and the body cannot be sent again."""
    words = f"no body of more than {HELD} bytes is taken just now"
    return ["http-reuse never", failure(503, "unavailable", words, retry=True), f"server bodies unix@{SOCKET}"]


def too_large(settings: Settings, length: str) -> Iterator[str]:
    """By what is announced, or by what came: a body in chunks announces nothing."""
    for kind, condition, limit in (("a form", FORM, MAX_FORM), ("a body", "", settings.max_body)):
        yield refusal(413, "too_large", words(kind, limit), f"if {condition} {{ {length} gt {limit} }}")


def words(kind: str, limit: int) -> str:
    """Of a refusal."""
    return f"{kind} of more than {limit} bytes; send several requests"


def refused(settings: Settings) -> Iterator[str]:
    """Rules of that process for what is too large, by what came of a body in chunks.

    The door still writes then. It reads no answer behind which its connection is closed while it does, so that one
    waits until the door has stopped, which the buffers between them soon have it do.
    """
    yield f"timeout tarpit {PAUSE}ms"
    text = quoted(orjson.dumps(envelope("too_large", words("a body", settings.max_body))).decode())
    answer = f"deny_status 413 content-type {JSON} string {text}"
    yield f"http-request tarpit {answer} if {{ req.body_len gt {settings.max_body} }}"


def lost(settings: Settings) -> Iterator[str]:
    """More rules of it. While nobody is up, `within` answers before it has all of a body, and closes.

    HAProxy 2.6 then reads no answer, and sends the request again; when it gives up it has a 502 of its own.
    """
    yield failure(502, "unavailable", f"no server and no worker came up within {settings.outage} s", retry=True)
    yield "http-after-response set-status 503 if { status 502 }"


def listening(folder: Path) -> socket.socket:
    """Where the door sends large bodies to: they wait there while the process that holds them starts again.

    Args:
        folder: of the gateway, which nobody else may look into.
    """
    (folder / SOCKET).unlink(missing_ok=True)
    made = socket.socket(socket.AF_UNIX)
    with maps.short(folder / SOCKET) as path:
        made.bind(path)
    made.listen(CLIENTS)
    return made
