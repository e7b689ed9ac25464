"""One class per wire schema, told apart by the first part of the path."""

from __future__ import annotations

from handler.protocols.base import Protocol
from handler.protocols.native import Native
from handler.protocols.openai import OpenAI

NATIVE = Native()
PROTOCOLS: dict[str, Protocol] = {
    "v1": OpenAI(),
}


def find(path: str) -> Protocol:
    """The protocol a path belongs to; the native one where no other claims it."""
    return PROTOCOLS.get(path.split("/", 1)[0], NATIVE)
