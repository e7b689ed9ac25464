"""The OpenAPI document: valid, complete, and with examples that its own schemas take; `tests/e2e` sends those."""

import msgspec
import orjson
import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from handler.protocols import DOCUMENT, EXPLAIN, KNOWN, OPEN, PREFIXES, find
from handler.protocols.failures import SAMPLES
from handler.protocols.schemas import example
from handler.types import Row
from scripts.reference.openapi import FILE, FULL

OPERATIONS = [
    (protocol, path, found) for protocol in DOCUMENT.protocols for path, found in protocol.operations(FULL).items()
]
BODIES = {body: found.strict for _, _, found in OPERATIONS for body in found.bodies}
WRITTEN = orjson.loads(FILE.read_bytes())
SCHEMAS = WRITTEN["components"]["schemas"]
KSERVE = {
    "kserve": ("/v1/models/bert:predict", "/v2/models/bert/infer"),
    EXPLAIN: ("/v1/models/bert:explain", "/v2/models/bert/explain"),
}
"""What the adapter calls TorchServe's own routes, and their addresses."""
EMPTY = {"v1", "v2", "tei/v1", "infinity"}
"""Words that only begin paths."""


def test_it_is_an_openapi_document():
    OPENAPI_31_VALIDATOR.validate(WRITTEN)
    with pytest.raises(ValueError, match="openapi"):
        OPENAPI_31_VALIDATOR.validate({key: value for key, value in WRITTEN.items() if key != "openapi"})


def test_every_reference_is_there():
    def references(value):
        if isinstance(value, dict):
            yield from ([value["$ref"]] if isinstance(value.get("$ref"), str) else [])
            value = list(value.values())
        for each in value if isinstance(value, list) else []:
            yield from references(each)

    found = set(references(WRITTEN))
    assert len(found) > 100
    for reference in found:
        target = WRITTEN
        for word in reference.removeprefix("#/").split("/"):
            target = target[word]


def test_every_route_is_in_it():
    routes = KNOWN - EMPTY - {*KSERVE}
    wanted = {f"/{path}" for path in routes} | {path for paths in KSERVE.values() for path in paths}
    assert wanted <= {*WRITTEN["paths"]}


def test_every_protocol_has_routes_in_it_and_answers_those():
    assert {*PREFIXES.values()} <= {*DOCUMENT.protocols}
    for protocol in DOCUMENT.protocols:
        assert protocol.operations(FULL)
    rooted = {address: name for name, addresses in KSERVE.items() for address in addresses} | {"/invocations": ""}
    for protocol, path, found in OPERATIONS:
        headers = {"accept": "text/html"} if "text/html" in found.media and not path else {}
        assert find(Row({}, headers, "", rooted.get(path, path))) is protocol, path


@pytest.mark.parametrize("path", [path for _, path, found in OPERATIONS if found.bodies])
def test_the_example_of_a_body_is_one(path):
    _, _, found = next(each for each in OPERATIONS if each[1] == path)
    written = WRITTEN["paths"][path if path.startswith("/") else f"/{path}"]["post"]["requestBody"]["content"]
    assert [*written] == ["application/json"]
    msgspec.convert(written["application/json"]["example"], found.bodies[0])


def test_every_status_of_every_protocol_has_an_example_that_the_protocol_would_send():
    for protocol, path, found in OPERATIONS:
        item = WRITTEN["paths"][path if path.startswith("/") else f"/{path}"]["post" if found.bodies else "get"]
        for error in SAMPLES:
            name = item["responses"][str(protocol.status(error))]["$ref"].rsplit("/", 1)[-1]
            shown = WRITTEN["components"]["responses"][name]["content"]["application/json"]["examples"]
            body = orjson.loads(protocol.encode_error(error))
            assert {**shown[type(error).__name__]["value"], "id": 0} == {**body, "id": 0}


def test_a_path_that_wants_no_key_says_so():
    for path, item in WRITTEN["paths"].items():
        for operation in item.values():
            if isinstance(operation, dict):
                assert (operation.get("security") == [{}]) == (path.removeprefix("/") in OPEN), path


@pytest.mark.parametrize("body", sorted(BODIES, key=lambda body: body.__qualname__), ids=lambda body: body.__name__)
def test_every_field_has_an_example_that_is_valid(body):
    for field in msgspec.structs.fields(body):
        for value in SCHEMAS[body.__name__]["properties"][field.name]["examples"]:
            msgspec.convert(value, field.type)


def test_optional_keys_of_other_projects_may_be_null_and_unknown_ones_come_along():
    for body in (body for body, strict in BODIES.items() if not strict):
        schema = SCHEMAS[body.__name__]
        assert schema.get("additionalProperties", True)
        for field in msgspec.structs.fields(body):
            found = schema["properties"][field.name]
            types = [each.get("type") for each in (found, *found.get("anyOf", []))]
            null = "null" in types or None in found.get("enum", ())
            assert null or field.required, field.name


def test_examples_follow_references():
    components = {"Inner": {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}}
    assert example({"$ref": "#/components/schemas/Inner"}, components) == {"a": 1}
