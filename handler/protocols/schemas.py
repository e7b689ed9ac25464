"""Schemas of structs as OpenAPI has them, each key with an example, and whole bodies made of those."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from inspect import cleandoc
from typing import Any

import msgspec

ONE, MANY, NULL = "#/components/schemas/{name}", "anyOf", {"type": "null"}

Schema = dict[str, Any]


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


def body_example(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """A body with the keys that a task needs, as in the OpenAPI document; where it has a choice, not `inputs`."""
    (schema,), components = msgspec.json.schema_components([kind], ref_template=ONE)
    found = components[schema["$ref"].rsplit("/", 1)[-1]]
    chosen = {
        key: value["examples"][0]
        for key, value in found["properties"].items()
        if "examples" in value and key != "inputs"
    }
    return filled(found, components) or chosen


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
