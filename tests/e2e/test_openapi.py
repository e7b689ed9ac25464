"""2,400 requests made from the OpenAPI documents of six archives, right ones and wrong ones."""

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 400  # for each archive
PATIENT = {"deadline": None, "suppress_health_check": list(HealthCheck)}


@pytest.mark.parametrize("name", ["bert", "classes", "reranker", "entities", "answers", "words"])
def test_every_response_is_as_documented(many, name):
    address = f"{many.url}/predictions/{name}/1.0/openapi.json"
    schema = schemathesis.openapi.from_url(address)
    before = [worker["pid"] for worker in many.workers(name)]
    with requests.Session() as session:

        @settings(max_examples=EXAMPLES, derandomize=True, database=None, **PATIENT)
        @given(case=schema.as_strategy())
        def ask(case):
            case.call_and_validate(session=session, checks=CHECKS)

        ask()
    assert [worker["pid"] for worker in many.workers(name)] == before
