"""Addresses of the gateway: those it answers by itself, those of clients that cannot take a path, and no others."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from scripts.gateway.choice import current
from scripts.gateway.rules import PUT, answer, quoted, refusal, rewrite
from scripts.gateway.settings import READY_MAP, VERSION_MAP, Settings

TEI = (
    *("/embed", "/embed_all", "/embed_sparse", "/embeddings", "/predict", "/rerank", "/similarity", "/tokenize"),
    *("/decode", "/info"),
)
"""Routes of text-embeddings-inference, router/src/http/server.rs; `/rerank` and `/embeddings` are Infinity's, too."""
INFINITY = ("/classify", "/models")
"""Infinity's that no other server has, libs/infinity_emb/infinity_emb/infinity_server.py."""
PLAIN = ("/v2/embed", "/v2/rerank", "/score", "/openapi.json", "/docs")
"""Those below a model's address that begin like it."""
NAMED = ("v1", "v2", "tei", "infinity", "hf")
"""What may follow a model's name in `/{model}/...`."""
TAKEN = frozenset({"predictions", "explanations", "invocations", "v1", "v2", "ping", "health", "metrics"})
"""Words that are no names of models at the beginning of an address."""
PAGES = ("ui", "docs")
"""What a person opens below a model's address, where TorchServe takes a word in the place of a version for one."""
PROBES = ("/ping", "/health", "/v2/health/live", "/v2/health/ready", "/v2")
MODEL = "/predictions/[^/]+/[^/]+"
OPEN = rf"^({MODEL}|/[^/]+)/(tei/(health|ping)|infinity/health)$|^({MODEL})?/docs$|^{MODEL}/(ui|docs/[^/]+)$"
"""Addresses that want no key, where they are only looked at; see `handler.protocols.OPEN`."""
STRANGE = ("..", "//", "%2e", "%2f", "%5c", "%25", "%00", "/./", ";")
"""What no address of a model has, and what is read in more than one way."""
VERSION = "2.0"


def probes(settings: Settings) -> Iterator[str]:
    """Whether the gateway and a server behind it are there; nobody needs a key to ask."""
    for path, ready in (
        ("/ping", {"status": "Healthy"}),
        ("/health", {}),
        ("/v2/health/ready", {"ready": True}),
    ):
        yield answer(ready, f"if {{ path {path} }} ready")
    yield answer({"live": True}, "if { path /v2/health/live }")
    yield answer(
        {"name": "bert-on-torchserve", "version": VERSION, "extensions": ["binary_tensor_data"]}, "if { path /v2 }"
    )
    yield refusal(503, "unavailable", "no server is up", f"if {{ path {' '.join(PROBES)} }}", retry=True)
    page = quoted(front_page(settings))
    html = "http-request return status 200 content-type text/html lf-string"
    yield f"{html} {page} if {{ path / }} {{ method GET HEAD }}"


def led(settings: Settings) -> Iterator[str]:
    """Pages whose address names no version lead to that of the one that answers now; nobody needs a key to be led."""
    for number, model in enumerate(settings.models):
        for page in PAGES:
            paths = [f"/predictions/{model.name}/{page}"]
            paths += [f"/{model.name}/{page}"] if model.name not in TAKEN else []
            paths += [f"/{page}"] if number == 0 and f"/{page}" not in PLAIN else []
            place = f"/predictions/{model.name}/%[{current(model.name, settings)}]/{page}"
            yield f'http-request redirect code 302 location "{place}" if {{ path {" ".join(paths)} }} looks'


def described(settings: Settings) -> Iterator[str]:
    """What OpenAI's and KServe's clients ask about models; `/v1/models/{model}` is a route of both."""
    models = settings.models
    about = [{"id": model.name, "object": "model", "created": 0, "owned_by": "bert-on-torchserve"} for model in models]
    yield answer({"object": "list", "data": about}, "if { path /v1/models }")
    for model, item in zip(models, about, strict=True):
        own = f"/v2/models/{model.name}"
        works = f"ready {{ str({model.name}),map_str({READY_MAP}) -m found }}"
        yield answer(item | {"name": model.name, "ready": True}, f"if {{ path /v1/models/{model.name} }} {works}")
        about_it = model.metadata() | {"versions": [PUT]}
        yield answer(about_it, f"if {{ path {own} }}", put=current(model.name, settings))
        ready = {"name": model.name, "ready": True}
        yield answer(ready, f"if {{ path {own}/ready }} {works}")
        gone = f"if {{ path /v1/models/{model.name} {own}/ready }}"
        yield refusal(503, "unavailable", "no server is up", f"{gone} !ready", retry=True)
        yield refusal(503, "unavailable", f"{model.name} has no worker", gone, retry=True)
    names = ", ".join(model.name for model in models)
    yield refusal(404, "unknown_route", f"this address has {names}", "if { path_reg ^/v1/models/[^/:]+$ }")


def versioned(settings: Settings) -> Iterator[str]:
    """KServe's `/v2/models/{model}/versions/{version}/...`: TorchServe has no such address.

    It takes the same bodies at `/predictions/{model}/{version}/kserve`, of each version that is loaded.
    """
    of = "^/v2/models/[^/]+/versions/[^/]+"
    place = "/predictions/%[path,field(4,/)]/%[path,field(6,/)]"
    yield rewrite(f"{place}/kserve", f"if {{ path_reg {of}/infer$ }}")
    yield rewrite(f"{place}/kserve/explanations", f"if {{ path_reg {of}/explain$ }}")
    table = VERSION_MAP
    yield f"http-request set-var(txn.current) path,field(4,/),map_str({table}),field(1,/) if {{ path_beg /v2/models/ }}"
    yield "acl current path,field(6,/),strcmp(txn.current) eq 0"
    yield "acl versions path_reg ^/v2/models/[^/]+/versions/[^/]+(/.*)?$"
    yield rewrite(
        "/v2/models/%[path,field(4,/)]/%[path,field(7,/,0)]", "if versions current { path,field(7,/) -m len gt 0 }"
    )
    yield rewrite("/v2/models/%[path,field(4,/)]", "if versions current")
    yield rewrite(f"{place}/tei/health", f"if {{ path_reg {of}/ready$ }}")


def rewritten(settings: Settings) -> Iterator[str]:
    """Addresses without a model are the first one's; `/{model}/...` is that of a model."""
    for model in settings.models:
        if model.name not in TAKEN:
            paths = " ".join(f"/{model.name}/{word}/" for word in NAMED)
            yield rewrite(
                f"{model.path}/%[path,field(3,/,0)]",
                f"if {{ path_beg {paths} }} or {{ path /{model.name}/tei /{model.name}/hf }}",
            )
    first = settings.models[0].path
    yield rewrite(f"{first}/tei", "if { path / }")
    yield rewrite(f"{first}/tei%[path]", f"if {{ path {' '.join(TEI)} }}")
    yield rewrite(f"{first}/infinity%[path]", f"if {{ path {' '.join(INFINITY)} }}")
    yield rewrite(f"{first}%[path]", f"if {{ path {' '.join(PLAIN)} }} or {{ path_beg /v1/ }} !kserve")


def known() -> Iterator[str]:
    """Nothing but these reaches a server."""
    yield refusal(
        404,
        "unknown_route",
        "there is nothing at this address; GET / lists those of this server",
        "if !{ path_beg /predictions/ /explanations/ } !{ path /invocations } !kserve",
    )


def front_page(settings: Settings) -> str:
    """What a person sees at `/`."""
    rows = "".join(
        f'<li><a href="/predictions/{name}/%[{version}]/ui">{name}</a> %[{version}]: {escape(model.task)}; '
        f"OpenAI clients take <code>/{name}/v1</code> as the path of their base address</li>"
        for model in settings.models
        for name, version in [(escape(model.name), current(model.name, settings))]
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>BERT on TorchServe</title>'
        f"<h1>BERT on TorchServe</h1><p>This address serves:</p><ul>{rows}</ul>"
        f"<p>Addresses without a name, such as <code>/v1/embeddings</code>, <code>/embed</code> and "
        f"<code>/rerank</code>, ask {escape(settings.models[0].name)}. "
        '<a href="/openapi.json">openapi.json</a> lists what it takes; <a href="/docs">docs</a> tries it.</p></html>'
    )
