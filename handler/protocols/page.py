"""What a browser gets at an archive's address: a page to read, and `info` in lines.

TorchServe does not say whether a request was a GET. A browser is what sends no body and wants HTML before all else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

import orjson

from handler.call import Call
from handler.errors import BertError
from handler.protocols import swagger, ui
from handler.protocols.base import Decoded, EncodedBody, Protocol, Tasks, envelope
from handler.protocols.operations import Archive, Operation, Operations
from handler.protocols.schemas import body_example
from handler.tasks.base import Task
from handler.tasks.info import Info, InfoRequest
from handler.types import Row

HTML = "text/html"
PATHS = ("", Info.name)
HEADERS = {"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'"}
HOST = re.compile(r"[\w.:\[\]-]+", re.ASCII)
STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "pre{background:#f4f4f4;padding:.6rem;overflow-x:auto;margin:.3rem 0 1.2rem}h3{margin:0}"
)


def wanted(row: Row) -> bool:
    """Whether a person looks at one of `PATHS`."""
    first = row.headers.get("accept", "").split(",")[0].split(";")[0].strip().lower()
    empty = not any(row.fields.values()) and row.headers.get("content-length", "0") == "0"
    return first == HTML and row.path in PATHS and empty


class Page(Protocol):
    """An archive's address, and its `info`, for people."""

    def decode(self, row: Row, tasks: Tasks, default: str) -> Decoded:
        """Nothing is read."""
        return Decoded(tasks[Info.name], InfoRequest(), tasks)

    def encode(self, call: Call) -> EncodedBody:
        """HTML, or JSON in lines."""
        if call.row.path == Info.name:
            return EncodedBody(orjson.dumps(call.answer, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY))
        text = document(call.answer, call.protocol_state.values(), origin(call.row.headers))
        return EncodedBody(text.encode(), f"{HTML}; charset=utf-8", HEADERS)

    def encode_error(self, error: BertError) -> bytes:
        """This project's own form."""
        return envelope(error)

    def operations(self, archive: Archive) -> Operations:
        """See `Protocol.operations`; `info` is the same for programs."""
        return {"": Operation("A page to read.", media=(HTML,))}


def origin(headers: Mapping[str, str]) -> str:
    """Scheme and host as the browser has them; a proxy may have taken TLS off."""
    host = headers.get("host", "")
    scheme = "https" if headers.get("x-forwarded-proto") == "https" else "http"
    return f"{scheme}://{host if HOST.fullmatch(host) else 'localhost:8080'}"


def document(info: Mapping[str, Any], tasks: Iterable[Task[Any]], server: str) -> str:
    """The page; no script, and nothing from elsewhere."""
    name, version = escape(info["model"]), escape(info["version"])
    base = f"/predictions/{name}/{version}"
    limits = info["limits"]
    labels = f", labels {escape(', '.join(info['labels'][:20]))}" if info["labels"] else ""
    examples = "".join(section(task, f"{server}{base}", info["mask"]) for task in tasks)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{name} on TorchServe</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style>'
        f"<h1>{name} <small>{version}</small></h1>"
        f"<p>A BERT model that answers over HTTP, served by TorchServe. Its default task is "
        f"<b>{escape(info['task'])}</b>"
        f"{labels}; embeddings have {info['dimensions']} dimensions. "
        f"It reads texts of up to {limits['max_length']} tokens, "
        f"{limits['max_texts']} in one request.</p>"
        f'<p><a href="{base}/{ui.PATH}">ui</a>: ask it, and see the answers drawn. {tried(base)}'
        f'<a href="{base}/info">info</a>: settings, limits and origin. '
        f'<a href="{base}/openapi.json">openapi.json</a>: every path and key. '
        f"OpenAI's clients take <code>base_url={escape(server)}{base}/v1</code>.</p>"
        f"<h2>Tasks</h2>{examples}</html>"
    )


def tried(base: str) -> str:
    """A link to Swagger UI, where the archive has it."""
    return f'<a href="{base}/{swagger.PATH}">docs</a>: requests to try. ' if swagger.installed() else ""


def section(task: Task[Any], base: str, mask: str | None) -> str:
    """A task, and a command that asks for it."""
    words = (type(task).__doc__ or task.name).splitlines()[0]
    body = body_example(task.request)
    command = f"curl -s {base}/{task.name}"
    if body:
        text = orjson.dumps(body).decode().replace("[MASK]", mask or "[MASK]").replace("'", "'\\''")
        command += f" -H 'content-type: application/json' \\\n  -d '{text}'"
    return f"<h3>{escape(task.name)}</h3>{escape(words)}<pre>{escape(command, quote=False)}</pre>"
