"""Pages and forms at a gateway in front of a real server.

Addresses of pages lead to the version that answers; a form that cannot be read is the client's fault, and a 400.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from tests.e2e.conftest import Cli
from tests.gateway import needs_haproxy

pytestmark = needs_haproxy
PREDICT = "/predictions/bert"
FORM = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}


@pytest.fixture(scope="module")
def door(server: Cli) -> Iterator[str]:
    """A gateway that everybody may use."""
    port = server.port + 12
    server("gateway", "--port", str(port), "--metrics-port", str(port + 1))
    yield f"http://127.0.0.1:{port}"
    server("gateway", "stop", "--port", str(port))


@pytest.mark.parametrize("page", ["ui", "docs"])
def test_a_page_without_a_version_leads_to_the_one_that_answers(door, page):
    first = () if page == "docs" else (f"/{page}",)
    for path in (f"/predictions/bert/{page}", f"/bert/{page}", *first):
        answer = requests.get(door + path, timeout=60)
        assert [(each.status_code, each.headers["location"]) for each in answer.history] == [
            (302, f"/predictions/bert/1.0/{page}")
        ]
        direct = requests.get(f"{door}/predictions/bert/1.0/{page}", timeout=60)
        assert (answer.status_code, answer.text) == (direct.status_code, direct.text), path
    answer = requests.get(f"{door}/tiny/{page}", timeout=60)
    assert answer.url == f"{door}/predictions/tiny/1.0/{page}"
    assert requests.post(f"{door}/predictions/bert/{page}", json={"inputs": "a"}, timeout=60).status_code == 404


@pytest.mark.parametrize("body", ["text=%zz", "text=100%", "text=a%2", "te%xt=a", "text=100% of it", "a=%2g&text=b"])
def test_a_broken_form_is_a_400(door, body):
    answer = requests.post(door + PREDICT, data=body, headers=FORM, timeout=60)
    assert (answer.status_code, answer.json()["error_type"]) == (400, "malformed")
    assert "no two hexadecimal digits" in answer.json()["error"]


@pytest.mark.parametrize("body", ["text=100%25", "text=%41b+c", "text=%C3%A9%f0%9f%99%82"])
def test_others_reach_the_server(door, body):
    answer = requests.post(door + PREDICT, data=body, headers=FORM, timeout=60)
    assert answer.status_code == 200
    assert len(answer.json()[0]) == 384


def test_a_percent_sign_in_json_means_nothing(door):
    assert requests.post(door + PREDICT, json={"inputs": "100%zz"}, timeout=60).status_code == 200
