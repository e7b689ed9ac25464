"""Pages of other origins: which of them browsers let use a server (https://fetch.spec.whatwg.org/#http-cors-protocol)."""

from __future__ import annotations

import re

from scripts.console import Failure

ORIGIN = re.compile(r"https?://(\[[0-9a-f:.]+\]|[a-z0-9]([a-z0-9._-]*[a-z0-9])?)(:[0-9]{1,5})?")
"""As browsers write it: in lower case, without a path, other letters as punycode."""
DEFAULT_PORTS = {"http": ":80", "https": ":443"}
"""Browsers leave them out."""
METHODS = "GET, POST, OPTIONS"
"""TorchServe sends the same headers from its management API, whose PUT and DELETE stay closed to pages."""
HEADERS = "authorization, content-type, content-encoding, accept, *"
"""`*` is for those that clients add of their own, as OpenAI's do; it does not cover `authorization`."""


def check(origin: str) -> None:
    """Refuse an origin that no browser sends, and that would let nobody in.

    Raises:
        Failure: with what to give instead.
    """
    if origin == "*":
        return
    scheme = origin.partition(":")[0]
    usual = DEFAULT_PORTS.get(scheme)
    if not ORIGIN.fullmatch(origin) or (usual and origin.endswith(usual)):
        raise Failure(
            f"--cors-origin {origin!r} is no origin as browsers send it",
            fix="one origin, such as https://app.example.com or http://localhost:3000: scheme, host in lower case, and "
            "a port unless it is the scheme's own; no path, no list; or * for every page",
        )


def properties(origin: str | None) -> dict[str, str]:
    """Keys of `config.properties`; none without an origin, so that those of the file stay."""
    if origin is None:
        return {}
    return {"cors_allowed_origin": origin, "cors_allowed_methods": METHODS, "cors_allowed_headers": HEADERS}
