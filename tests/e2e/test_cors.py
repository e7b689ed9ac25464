"""Pages of another origin, as browsers ask for them: a preflight without a key, the request, its errors."""

import pytest
import requests

ORIGIN = "https://app.example.com"
HELLO = {"inputs": "hello", "task": "embedding"}
ALLOWED, EXPOSED = "access-control-allow-origin", "access-control-expose-headers"


def preflight(cli, path):
    """What a browser sends first for JSON and a key."""
    headers = {
        "origin": ORIGIN,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type,x-stainless-lang",
    }
    return requests.options(f"{cli.url}{path}", headers=headers, timeout=60)


def names(answer, header):
    return {name.strip().lower() for name in answer.headers[header].split(",")}


@pytest.fixture
def keys(tmp_path):
    file = tmp_path / "keys"
    file.write_text(f"ada:{'k' * 32}\n")
    file.chmod(0o600)
    return file


def test_pages_of_one_origin(cli, keys):
    cli("start", "tiny", "--cors-origin", ORIGIN, "--keys", str(keys))
    for path in ("/predictions/tiny", "/predictions/tiny/1.0/v1/embeddings", "/v1/models/tiny:predict", "/ping"):
        answer = preflight(cli, path)
        assert (answer.status_code, answer.headers[ALLOWED]) == (200, ORIGIN), path
        assert {"authorization", "content-type", "*"} <= names(answer, "access-control-allow-headers")
        assert names(answer, "access-control-allow-methods") == {"get", "post", "options"}
    page = {"origin": ORIGIN, "authorization": f"Bearer {'k' * 32}"}
    address = f"{cli.url}/predictions/tiny"
    for headers, body, status in ((page, HELLO, 200), (page, {}, 422), ({"origin": ORIGIN}, HELLO, 401)):
        answer = requests.post(address, json=body, headers=headers, timeout=60)
        assert (answer.status_code, answer.headers[ALLOWED], answer.headers[EXPOSED]) == (status, ORIGIN, "*")
    missing = requests.post(f"{cli.url}/predictions/nope", json=HELLO, headers=page, timeout=60)
    assert (missing.status_code, missing.headers[ALLOWED]) == (404, ORIGIN)  # TorchServe's own error
    other = requests.post(address, json=HELLO, headers=page | {"origin": "https://evil.example"}, timeout=60)
    assert other.headers[ALLOWED] == ORIGIN  # which is not the page's, so a browser keeps the answer from it


def test_without_the_option_no_page_is_let_in(server):
    answer = requests.post(f"{server.url}/predictions/tiny", json=HELLO, headers={"origin": ORIGIN}, timeout=60)
    assert answer.status_code == 200
    assert ALLOWED not in answer.headers
    assert ALLOWED not in preflight(server, "/predictions/tiny").headers
