"""`headers.md`: headers that the handler reads and writes, one line each."""

from __future__ import annotations

from collections.abc import Mapping

from handler.telemetry import STAGES
from scripts.reference.markdown import code, page, table

REQUEST: dict[str, str] = {
    "content-type": "media type of the body: JSON (`application/json`), text (`text/plain`) or a form "
    "(`application/x-www-form-urlencoded`, the default of `curl -d`); "
    "without a known one, a body that begins like JSON is JSON",
    "content-length": "size of the body; tells an empty body from JSON that TorchServe parsed as a form and lost",
    "content-encoding": "`gzip`, `deflate` or `identity`; a body that holds more than 16 MiB is refused with 413, "
    "a compressed form with 400",
    "accept": "`application/octet-stream` or `application/x-npy` for a binary response, where the answer is an array; "
    "`text/html` first, as browsers send it, for the archive's page. Only the first media type counts",
    "authorization": "`Bearer KEY`, required if the server runs with `--keys`",
    "inference-header-content-length": "KServe version 2 with binary tensors: bytes of the JSON before them",
    "host": "host in the example commands of the archive's page",
    "x-correlation-id": "the client's id of the request, at most 128 characters of printable ASCII without spaces; "
    "repeated in the response",
    "x-request-id": "the same, where there is no `x-correlation-id`",
    "x-request-start": "`t=SECONDS`, set by a gateway: when it received the request; milliseconds and microseconds are "
    "understood, too",
    "x-request-timeout-ms": "how many milliseconds the client waits, 1 to 999999: what is not computed by then is left "
    "undone, and the answer is a 504. The time runs from when a gateway received the request, or else from when a "
    "worker took it",
    "traceparent": "the span that the request is a part of, by W3C Trace Context",
    "x-forwarded-proto": "`https` from a proxy with TLS: scheme of the example commands on the archive's page",
}
TORCHSERVE: dict[str, str] = {
    "url_path": "the path after `/predictions/{model}/{version}/`",
    "explain": "whether explanations are asked for by the address; without `url_path` it is a KServe route",
    "describe": "whether the request is TorchServe's own, for a description of the model",
}
"""Set by TorchServe itself."""
RESPONSE: dict[str, str] = {
    "content-type": "`application/json`; with `accept`, `application/octet-stream`, `application/x-npy` or `text/html`",
    **{
        f"x-{stage}-time": f"milliseconds that the batch of the request spent in the stage `{stage}`"
        for stage in STAGES
    },
    "x-tokens": "tokens of the request's texts, special tokens included; not on errors",
    "x-truncated": "number of texts that were truncated; not on errors",
    "x-cached": "number of sequences (texts, or windows of texts) that did not run, since the worker has kept what it "
    "computed for an equal one; only with `handler.cache_bytes`, and not on errors",
    "x-ignored": "keys of the body that were ignored, sorted, with commas, percent-encoded, at most 200 characters; "
    "protocols of other projects only, also on errors",
    "x-correlation-id": "the request's `x-correlation-id`, or else its `x-request-id`; also on errors",
    "x-shape": "binary responses: dimensions of the array, with commas",
    "x-dtype": "binary responses: type of its elements, such as `float32`; always little-endian",
    "x-lengths": "binary `hidden-states` and `multi-vector`: number of rows of each text, with commas",
    "inference-header-content-length": "KServe version 2 with binary tensors: bytes of the JSON before them",
    "retry-after": "with 503: seconds to wait before a retry",
    "x-stopping": "`1` while the server is being stopped",
    "www-authenticate": "with 401: `Bearer`, the scheme of `authorization`",
    "content-security-policy": "with an archive's pages: what of them may run, and that nothing comes from elsewhere",
    "referrer-policy": "with `ui`: no other server learns its address",
    "x-content-type-options": "with `ui`, `docs` and its files: `nosniff`, so that each is only what its type says",
    "cache-control": "with the files of `docs`: how long a browser may keep them",
}
ADDED: dict[str, str] = {
    "x-request-id": "TorchServe's id of the request",
    "content-length": "size of the body; read by it, since the connection may stay open",
    "transfer-encoding": "`chunked` in place of `content-length`: the largest of several large answers that were "
    "computed together; it has `ts_stream_next: true` as well",
    "connection": "`keep-alive`, or `close` after a 400 and with `overloaded`",
    "cache-control": "forbids caching, as does `pragma`",
}
"""By TorchServe, to each response."""
INTRODUCTION = "Names are case-insensitive. Headers that are not listed here have no effect."
TIMES = """\
Times are those of the whole batch that the request ran in. They have the same names as the stages of
[`bert_stage_seconds`](metrics.md)."""


def headers() -> str:
    """The page."""
    return page(
        "Headers",
        INTRODUCTION,
        "## Request headers",
        lines(REQUEST),
        "TorchServe passes these to the handler; a client cannot use them:",
        lines(TORCHSERVE),
        "## Response headers",
        lines(RESPONSE),
        TIMES,
        "TorchServe adds:",
        lines(ADDED),
    )


def lines(registry: Mapping[str, str]) -> str:
    """A line per header."""
    return table(("header", "meaning"), [(code(name), meaning) for name, meaning in registry.items()])
