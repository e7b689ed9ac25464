"""The OpenAPI document of an archive, made from the structs that validate requests; `GET .../openapi.json`.

Specification: https://spec.openapis.org/oas/v3.1.0
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from inspect import cleandoc
from typing import Any

import msgspec

from handler.call import Call
from handler.errors import (
    BertError,
    Invalid,
    NotAcceptable,
    Overloaded,
    TooLarge,
    Unauthorized,
    Undecodable,
    UnknownTask,
)
from handler.protocols import arrays
from handler.protocols.base import JSON, Decoded, EncodedBody, Protocol, Tasks, dump, envelope
from handler.protocols.routed import Nothing, Route, Switch
from handler.tasks.base import Task, TextRequest
from handler.tasks.info import Info, InfoRequest
from handler.tasks.response_schemas import REPLIES
from handler.types import Row

PATH = "openapi.json"
ERRORS: tuple[type[BertError], ...] = (
    Undecodable,
    Unauthorized,
    UnknownTask,
    NotAcceptable,
    TooLarge,
    Invalid,
    BertError,
    Overloaded,
)
ONE, MANY, NULL = "#/components/schemas/{name}", "anyOf", {"type": "null"}

Schema = dict[str, Any]
Kind = type[Task[Any]]
Statuses = Mapping[type[BertError], int]


class Document(Protocol):
    """One path, answered from what the archive can do."""

    def __init__(self, routes: Mapping[str, Route | Switch], statuses: Mapping[str, Statuses]) -> None:
        self.routes, self.of_errors = routes, statuses

    def decode(self, row: Row, tasks: Tasks, default: str) -> Decoded:
        """Nothing is read."""
        return Decoded(tasks[Info.name], InfoRequest(), tasks)

    def encode(self, call: Call) -> EncodedBody:
        """The document."""
        assert call.task is not None
        model = call.task.model
        types = {name: type(task) for name, task in call.protocol_state.items()}
        routes = {path: (route.of(model),) for path, route in self.routes.items()}
        return EncodedBody(dump(document(model.name, model.version, types, routes, self.of_errors)))

    def encode_error(self, error: BertError) -> bytes:
        """The native envelope."""
        return envelope(error)


def document(
    name: str,
    version: str,
    tasks: Mapping[str, Kind],
    routes: Mapping[str, Sequence[Route]],
    statuses: Mapping[str, Statuses],
) -> Schema:
    """All paths of an archive that can do these tasks; a path of several forms takes each of their bodies.

    `statuses` are those of a path's protocol.
    """
    served = {
        path: found for path, forms in routes.items() if (found := [each for each in forms if each.task in tasks])
    }
    forms = [each for found in served.values() for each in found]
    bodies = [task.request for task in tasks.values()] + [form.body for form in forms]
    replies = [reply for task in tasks for reply in REPLIES[task]] + [reply for form in forms for reply in form.reply]
    _, components = msgspec.json.schema_components([*bodies, *replies], ref_template=ONE)
    _, foreign_bodies = msgspec.json.schema_components([form.body for form in forms], ref_template=ONE)
    schemas = {key: exampled(value, components) for key, value in components.items()}
    schemas |= {key: nullable(schemas[key]) for key in foreign_bodies}
    paths = {f"/{task.name}": native(task) for task in tasks.values()}
    paths |= {f"/{path}": routed(found, statuses[path]) for path, found in served.items()}
    return {
        "openapi": "3.1.0",
        "info": {"title": f"{name} on TorchServe", "version": version},
        "servers": [{"url": f"/predictions/{name}/{version}"}],
        "paths": paths,
        "components": {"schemas": schemas},
    }


def native(task: Kind) -> Schema:
    """A task's path in this project's own schema."""
    content = {JSON: {"schema": schema_of(REPLIES[task.name])}}
    if task.numeric:
        content |= {kind: {"schema": {"type": "string", "format": "binary"}} for kind in arrays.FORMATS}
    summary = (task.__doc__ or task.name).splitlines()[0]
    own = set(task.request.__struct_fields__) - set(TextRequest.__struct_fields__)
    return operation(task.name, summary, [task.request] if own else [], content, {})


def routed(forms: Sequence[Route], statuses: Statuses) -> Schema:
    """A path of another protocol."""
    first = forms[0]
    replies = dict.fromkeys(reply for form in forms for reply in form.reply or REPLIES[form.task])
    bodies = dict.fromkeys(form.body for form in forms if form.body is not Nothing)
    summary = (first.body.__doc__ or first.task).splitlines()[0]
    return operation(first.task, summary, bodies, {JSON: {"schema": schema_of(replies)}}, statuses)


def operation(
    task: str, summary: str, bodies: Collection[type[msgspec.Struct]], content: Schema, statuses: Statuses
) -> Schema:
    """A GET without a body, or a POST with one."""
    described: Schema = {"tags": [task], "summary": summary, "responses": responses(content, statuses)}
    if not bodies:
        return {"get": described}
    described["requestBody"] = {"required": True, "content": {JSON: {"schema": schema_of(bodies)}}}
    return {"post": described}


def responses(content: Schema, statuses: Statuses) -> Schema:
    """The answer, and what may go wrong; errors with the same status share it."""
    failed = {JSON: {"schema": {"type": "object"}}}
    said: dict[int, list[str]] = {}
    for error in ERRORS:
        said.setdefault(statuses.get(error, error.status), []).append(words(error))
    errors = {str(status): {"description": " ".join(each), "content": failed} for status, each in said.items()}
    return {"200": {"description": "the answer", "content": content}, **errors}


def words(error: type[BertError]) -> str:
    """What an error means."""
    return (error.__doc__ or "").splitlines()[0]


def schema_of(types: Iterable[Any]) -> Schema:
    """A type, or a choice of types."""
    schemas, _ = msgspec.json.schema_components(types, ref_template=ONE)
    return schemas[0] if len(schemas) == 1 else {MANY: list(schemas)}


def exampled(schema: Schema, components: Mapping[str, Schema]) -> Schema:
    """With an example on each property; Python before 3.13 leaves a docstring's indentation in it."""
    if "description" in schema:
        schema["description"] = cleandoc(schema["description"])
    for found in schema.get("properties", {}).values():
        found.setdefault("examples", [example(found, components)])
    return schema


def nullable(schema: Schema) -> Schema:
    """With null for every optional key, where it is absent; see `handler.protocols.foreign`."""
    required = schema.get("required", [])
    found = {name: each if name in required else or_null(each) for name, each in schema["properties"].items()}
    return schema | {"properties": found}


def or_null(schema: Schema) -> Schema:
    """What a key may be, or null."""
    about = {key: schema[key] for key in ("description", "default", "examples") if key in schema}
    kind = {key: value for key, value in schema.items() if key not in about}
    choices = kind.get(MANY, [kind])
    if NULL in choices or None in kind.get("enum", ()):
        return schema
    return about | {MANY: [*choices, NULL]}


def example(schema: Schema, components: Mapping[str, Schema]) -> Any:
    """A value that the schema allows: the one it names, its default, or the first of its kind."""
    if schema.get("examples"):
        return schema["examples"][0]
    if schema.get("default") is not None:
        return schema["default"]
    if "$ref" in schema:
        return example(components[schema["$ref"].rsplit("/", 1)[-1]], components)
    if MANY in schema:
        return example(schema[MANY][0], components)
    if "enum" in schema:
        return schema["enum"][0]
    return VALUES[schema.get("type", "null")](schema, components)


def filled(schema: Schema, components: Mapping[str, Schema]) -> Schema:
    """An object with its required keys."""
    properties = schema.get("properties", {})
    return {name: example(properties[name], components) for name in schema.get("required", [])}


VALUES: dict[str, Any] = {
    "string": lambda *_: "text",
    "integer": lambda schema, _: max(1, schema.get("minimum", 1)),
    "number": lambda *_: 0.5,
    "boolean": lambda *_: True,
    "null": lambda *_: None,
    "array": lambda schema, components: [example(schema["items"], components)] if schema.get("items") else [],
    "object": filled,
}
