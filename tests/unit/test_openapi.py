"""The examples in the document that is checked in; `test_reference.py` says whether it is stale."""

import msgspec
import pytest

from handler.protocols import DOCUMENTED
from handler.protocols.openapi import example
from handler.tasks import TASKS
from scripts.reference.openapi import FILE

FOREIGN = {form.body for route in DOCUMENTED.values() for form in route.forms}
BODIES = {task.request for task in TASKS.values()} | FOREIGN


@pytest.mark.parametrize("body", sorted(BODIES, key=lambda body: body.__qualname__), ids=lambda body: body.__name__)
def test_every_field_has_an_example_that_is_valid(body):
    components = msgspec.json.decode(FILE.read_bytes())["components"]["schemas"]
    for field in msgspec.structs.fields(body):
        shown = components[body.__name__]["properties"][field.name]["examples"]
        for value in shown:
            msgspec.convert(value, field.type)


def test_optional_keys_of_other_projects_may_be_null_and_unknown_ones_come_along():
    components = msgspec.json.decode(FILE.read_bytes())["components"]["schemas"]
    for body in FOREIGN:
        schema = components[body.__name__]
        assert schema.get("additionalProperties", True)
        for field in msgspec.structs.fields(body):
            found = schema["properties"][field.name]
            types = [each.get("type") for each in (found, *found.get("anyOf", []))]
            null = "null" in types or None in found.get("enum", ())
            assert null or field.required, field.name


def test_examples_follow_references():
    components = {"Inner": {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}}
    assert example({"$ref": "#/components/schemas/Inner"}, components) == {"a": 1}
