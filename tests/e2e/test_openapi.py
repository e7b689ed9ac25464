"""Requests made from the OpenAPI documents of six archives: their examples, and 2,400 right and wrong ones."""

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

from scripts.packing import swagger

SWAGGER = bool(swagger.installed())  # an extra
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 400  # for each archive
PATIENT = {"deadline": None, "suppress_health_check": list(HealthCheck)}
ARCHIVES = ["bert", "classes", "reranker", "entities", "answers", "words"]


@pytest.mark.parametrize("name", ARCHIVES)
def test_every_example_is_answered(many, name):
    base = f"{many.url}/predictions/{name}/1.0"
    document = requests.get(f"{base}/openapi.json", timeout=60).json()
    with requests.Session() as session:
        for path, item in document["paths"].items():
            address = f"{many.url}{path}" if "servers" in item else f"{base}{path}"
            for method in {"get", "post"} & item.keys():
                sent = item[method].get("requestBody", {"content": {"application/json": {}}})["content"]
                answer = session.request(
                    method,
                    address,
                    json=sent["application/json"].get("example"),
                    params={each["name"]: each["schema"]["const"] for each in item[method].get("parameters", [])},
                    headers={"accept": next(iter(item[method]["responses"]["200"]["content"]))},
                    timeout=60,
                )
                assert answer.status_code == (404 if path.startswith("/docs") and not SWAGGER else 200), answer.text
                assert "x-ignored" not in answer.headers, path


@pytest.mark.parametrize("name", ARCHIVES)
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
