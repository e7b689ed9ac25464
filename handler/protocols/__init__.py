"""One class per wire schema, told apart by path."""

from __future__ import annotations

from handler.protocols import page, swagger, ui
from handler.protocols.base import Protocol
from handler.protocols.cohere import Cohere
from handler.protocols.huggingface import PIPELINE, TASK_NAMES, HuggingFace
from handler.protocols.infinity import Infinity
from handler.protocols.kserve import EXPLAIN, KServe
from handler.protocols.native import Native
from handler.protocols.openai import OpenAI
from handler.protocols.openapi import PATH, Document
from handler.protocols.routed import Routed
from handler.protocols.tei import TEI, TEIEmbeddings
from handler.protocols.vllm import VLLM
from handler.tasks import TASKS
from handler.types import Row

NATIVE = Native()
PAGE = page.Page()
ROUTED: dict[str, Routed] = {
    "v2": Cohere(),
    "v1": OpenAI(),
    "v1/score": VLLM(),
    "tei": TEI(),
    "tei/v1": TEIEmbeddings(),
    "infinity": Infinity(),
}
"""By the beginning of its paths; those that share their first word with others are found by whole paths alone."""
ROUTES: dict[str, Protocol] = {path: protocol for protocol in ROUTED.values() for path in protocol.routes}
KSERVE = KServe()
PREFIXES: dict[str, Protocol] = {
    **ROUTED,
    "hf": HuggingFace(),
    "kserve": KSERVE,
    "vertex": KSERVE,
    swagger.PATH: swagger.SwaggerUI(),
    ui.PATH: ui.UserInterface(),
}
"""Who answers for an unknown path below a prefix. `kserve` is what the adapter calls KServe's own routes."""

OPEN = frozenset({"tei/health", "tei/ping", "infinity/health", *swagger.PATHS, ui.PATH})
"""Paths that want no key: whoever looks whether a server is ready cannot know one, and learns nothing else.

A browser that opens a page cannot send one. The pages say nothing of the archive until they have asked for a key.
"""
DOCUMENT = Document(tuple(dict.fromkeys((NATIVE, PAGE, *PREFIXES.values()))), OPEN)
PREFIXES[PATH] = DOCUMENT
HF = {f"hf/{before}{name}" for before in ("", PIPELINE) for name in (*TASKS, *TASK_NAMES)}
KNOWN = frozenset({"", *TASKS, *ROUTES, *PREFIXES, EXPLAIN, *HF})
"""Paths that are no client's own words."""


def find(row: Row) -> Protocol:
    """The protocol a path belongs to; the native one where no other claims it, and for a browser a page."""
    if page.wanted(row):
        return PAGE
    path = row.path
    return ROUTES.get(path) or PREFIXES.get(path.split("/", 1)[0], NATIVE)


def route(path: str) -> str:
    """The path, or `*` for what is not known of it: names of models, and whatever a client may have written there."""
    first = path.split("/", 1)[0]
    return path if path in KNOWN else f"{first}/*" if first in PREFIXES else "*"
