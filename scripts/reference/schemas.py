"""Types of keys and shapes of answers in words, from the JSON schemas that msgspec makes of structs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import NODEFAULT

from handler.protocols.schemas import MANY, ONE, Schema


def properties(kind: type[msgspec.Struct]) -> tuple[dict[str, Schema], Mapping[str, Schema]]:
    """The schema of each key, and the components that these refer to."""
    (schema,), components = msgspec.json.schema_components([kind], ref_template=ONE)
    return referred(schema, components)["properties"], components


def referred(schema: Schema, components: Mapping[str, Schema]) -> Schema:
    """What a reference stands for."""
    return components[schema["$ref"].rsplit("/", 1)[-1]] if "$ref" in schema else schema


def choices(schema: Schema) -> Iterator[Schema]:
    """The alternatives of a type, without null, which is another word for the default."""
    for each in schema.get(MANY, [schema]):
        if each.get("type") != "null":
            yield each


def kind(schema: Schema, components: Mapping[str, Schema]) -> str:
    """`string`, `integer >= 1`, `list of string`, `"a", "b"`."""
    return " or ".join(alone(each, components) for each in choices(schema))


def alone(schema: Schema, components: Mapping[str, Schema]) -> str:
    """One alternative."""
    if "enum" in schema:
        return ", ".join(f"`{json.dumps(value)}`" for value in schema["enum"] if value is not None)
    if "$ref" in schema:
        return f"object {shape(schema, components)}"
    if "prefixItems" in schema:
        return f"list of {len(schema['prefixItems'])} ({kind(schema['prefixItems'][0], components)})"
    if schema["type"] == "array":
        inner = kind(schema["items"], components)
        return f"list of ({inner})" if " or " in inner else f"list of {inner}"
    if schema["type"] == "object":
        values = schema.get("additionalProperties")
        return f"object of {kind(values, components)}" if values else "object"
    bounds = [f"{sign} {schema[key]}" for sign, key in ((">=", "minimum"), ("<=", "maximum")) if key in schema]
    return " ".join([schema["type"], ", ".join(bounds)]).strip()


def shape(schema: Schema, components: Mapping[str, Schema]) -> str:
    """An answer in JSON with types in the place of values; `?` marks keys that may be missing."""
    schema = referred(schema, components)
    if MANY in schema:
        return " or ".join(shape(each, components) for each in schema[MANY])
    if "prefixItems" in schema:
        return f"[{', '.join(shape(each, components) for each in schema['prefixItems'])}]"
    if schema.get("type") == "array":
        return f"[{shape(schema['items'], components)}, ...]"
    if "properties" not in schema:
        return str(schema.get("type", "any"))
    required = schema.get("required", [])
    inner = (
        f'"{name}"{"" if name in required else "?"}: {shape(each, components)}'
        for name, each in schema["properties"].items()
    )
    return f"{{{', '.join(inner)}}}"


def default(kind: type[msgspec.Struct], name: str) -> str:
    """A key's default as JSON; `required`, or nothing where it is null."""
    (field,) = (each for each in msgspec.structs.fields(kind) if each.name == name)
    if field.required:
        return "required"
    value = field.default_factory() if field.default is NODEFAULT else field.default
    return "" if value is None else f"`{json.dumps(plain(value))}`"


def plain(value: Any) -> Any:
    """As JSON has it."""
    return msgspec.to_builtins(value)
