"""The log: a line of JSON for each request, in which no word of a client's is but the id."""

from __future__ import annotations

import re
from collections.abc import Iterator

from scripts.gateway import routes
from scripts.gateway.rules import quoted
from scripts.gateway.settings import Settings

FORMAT = (
    '{"time":%[date(0,ms)],"id":"%[var(txn.id),json(utf8s)]","client":"%ci","key":"%[var(txn.who),json(utf8s)]",'
    '"method":"%[var(txn.method)]","path":"%[var(txn.path),json(utf8s)]","status":%ST,"bytes":%B,"retries":"%rc",'
    '"milliseconds":%Ta,"end":"%ts"}'
)
"""Neither a body nor a query string, no header but the id, and no path with a part that is not known."""
SERVERS = (
    *("predictions", "explanations", "invocations", "versions", "infer", "explain", "ready", "live"),
    *("chunk-embedding", "embedding", "feature-extraction", "fill-mask", "hidden-states", "hybrid-embedding"),
    *("multi-vector", "ner", "pipeline", "question-answering", "sentence-similarity", "sentiment-analysis"),
    *("sparse-embedding", "text-classification", "text-ranking", "token-classification", "vertex", "word-vectors"),
    *("zero-shot-classification", "kserve", "embed"),
)
"""Parts of servers' paths (`handler.protocols.KNOWN`) that are not among those of `routes`."""
NUMBER = r"[0-9]+(\.[0-9]+){0,3}"
"""A version of a model, as most are."""


def words() -> set[str]:
    """Parts of paths that are this project's own."""
    paths = (*routes.TEI, *routes.INFINITY, *routes.PLAIN, *routes.PROBES, *routes.PAGES, *routes.NAMED)
    return {part for path in paths for part in path.split("/") if part} | {*SERVERS}


def path(settings: Settings) -> Iterator[str]:
    """What is written of an address: its path, or `*` where a part is no name of a route, a model or a version."""
    models = "|".join(re.escape(model.name) for model in settings.models)
    versions = "|".join(re.escape(model.version) for model in settings.models)
    known = "|".join(map(re.escape, sorted(words())))
    pattern = rf"^(/({known}|{versions}|{NUMBER}|({models})(:(predict|explain))?))*/?$"
    yield "http-request set-var(txn.path) path"
    yield f"http-request set-var(txn.path) str(*) if !{{ path -m reg {quoted(pattern)} }}"
