"""The OpenAPI document of an archive, made from the structs that validate requests; `GET .../openapi.json`.

Specification: https://spec.openapis.org/oas/v3.1.0
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from handler.call import Call
from handler.errors import BertError
from handler.protocols.base import JSON, Decoded, EncodedBody, Protocol, Tasks, dump, envelope
from handler.protocols.failures import responses, tag
from handler.protocols.operations import Archive, Operation, Operations, first_line
from handler.protocols.schemas import ONE, Schema, body_example, exampled, nullable, schema_of
from handler.tasks.info import Info, InfoRequest
from handler.types import Row

PATH = "openapi.json"
ABOUT = (
    "A BERT model that TorchServe serves. The first group of paths is this project's own; the others are those of "
    "clients that exist already, at the addresses and in the forms that they expect."
)
KEY = {"type": "http", "scheme": "bearer", "description": "an API key, where the server asks for one"}
BINARY = {"type": "string", "format": "binary"}
Line = tuple[Protocol, str, Operation]


class Document(Protocol):
    """One path, answered from what the archive can do and what the protocols say of themselves."""

    def __init__(self, protocols: Sequence[Protocol], opened: frozenset[str]) -> None:
        self.protocols, self.opened = (*protocols, self), opened

    def decode(self, row: Row, tasks: Tasks, default: str) -> Decoded:
        """Nothing is read."""
        return Decoded(tasks[Info.name], InfoRequest(), (tasks, default))

    def encode(self, call: Call) -> EncodedBody:
        """The document, with the archive's own mask in its examples."""
        assert call.task is not None
        model, (tasks, default) = call.task.model, call.protocol_state
        types = {name: type(task) for name, task in tasks.items()}
        text = dump(self.document(Archive(model.name, model.version, types, default, model.kind)))
        return EncodedBody(text.replace(b"[MASK]", (call.answer["mask"] or "[MASK]").encode()))

    def encode_error(self, error: BertError) -> bytes:
        """The native envelope."""
        return envelope(error)

    def operations(self, archive: Archive) -> Operations:
        """See `Protocol.operations`."""
        return {PATH: Operation("This document.", replies=(dict[str, Any],))}

    def document(self, archive: Archive) -> Schema:
        """All paths of an archive that can do these tasks."""
        lines = [(each, path, found) for each in self.protocols for path, found in each.operations(archive).items()]
        failures = {each: responses(each) for each in self.protocols}
        paths: dict[str, Schema] = {}
        for protocol, path, found in lines:
            rooted = path.startswith("/")
            item = paths.setdefault(path if rooted else f"/{path}", {"servers": [{"url": "/"}]} if rooted else {})
            about = described(found, failures[protocol], path in self.opened)
            item["post" if found.bodies else "get"] = {"tags": [tag(protocol)], **about}
        return {
            "openapi": "3.1.0",
            "info": {"title": f"{archive.name} on TorchServe", "version": archive.version, "description": ABOUT},
            "servers": [{"url": f"/predictions/{archive.name}/{archive.version}"}],
            "security": [{"key": []}, {}],
            "tags": [{"name": tag(each), "description": group(each)} for each in self.protocols],
            "paths": paths,
            "components": {
                "schemas": components(lines),
                "responses": {name: body for named in failures.values() for name, body in named.items()},
                "securitySchemes": {"key": KEY},
            },
        }


def group(protocol: Protocol) -> str:
    """What its module says of it."""
    return first_line(sys.modules[type(protocol).__module__].__doc__)


def components(lines: Iterable[Line]) -> dict[str, Schema]:
    """Schemas of all structs; those of other projects take null for what is optional."""
    found = [line for _, _, line in lines]
    _, schemas = msgspec.json.schema_components(
        [kind for each in found for kind in (*each.bodies, *each.replies)], ref_template=ONE
    )
    foreign = [body for each in found if not each.strict for body in each.bodies]
    _, theirs = msgspec.json.schema_components(foreign, ref_template=ONE)
    ready = {key: exampled(value, schemas) for key, value in schemas.items()}
    return ready | {key: nullable(ready[key]) for key in theirs}


def described(found: Operation, failures: Iterable[str], opened: bool) -> Schema:
    """A GET without a body, or a POST with one; `failures` are names of responses that end in their status."""
    content: Schema = {JSON: {"schema": schema_of(dict.fromkeys(found.replies))}} if found.replies else {}
    content |= {kind: {"schema": BINARY} for kind in found.media}
    failed = {name[-3:]: {"$ref": f"#/components/responses/{name}"} for name in failures}
    about: Schema = {"summary": found.summary}
    if opened:
        about["security"] = [{}]
    if found.query:
        about["parameters"] = [
            {"name": key, "in": "query", "schema": {"const": value}} for key, value in found.query.items()
        ]
    if found.bodies:
        sent = {"schema": schema_of(dict.fromkeys(found.bodies))}
        sent |= {"example": found.example or body_example(found.bodies[0])}
        about["requestBody"] = {"required": True, "content": {JSON: sent}}
    return about | {"responses": {"200": {"description": "the answer", "content": content}, **failed}}
