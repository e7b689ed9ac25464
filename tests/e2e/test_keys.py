"""A real server that asks for keys: two people, one of them revoked, and a restart."""

import secrets
from pathlib import Path

import grpc
import openai
import psutil
import pytest
import requests

from tests.e2e.test_clients import field

HELLO = {"inputs": "hello, how are you?", "task": "embedding"}


@pytest.fixture
def people(tmp_path):
    return {name: secrets.token_urlsafe(24) for name in ("ada", "bob")}


@pytest.fixture
def file(tmp_path, people):
    file = tmp_path / "keys"
    file.write_text("".join(f"{name}:{key}\n" for name, key in people.items()))
    file.chmod(0o600)
    return file


def ask(cli, key=None, path="", **headers):
    given = headers | ({"authorization": f"Bearer {key}"} if key else {})
    return requests.post(f"{cli.url}/predictions/tiny{path}", json=HELLO, headers=given, timeout=60)


def embed(cli, key):
    with openai.OpenAI(base_url=f"{cli.url}/predictions/tiny/1.0/v1", api_key=key, max_retries=0) as client:
        return client.embeddings.create(model="tiny", input="hello").data


def written(folder):
    return b"".join(file.read_bytes() for file in Path(folder).rglob("*") if file.is_file())


def test_two_people_one_revoked_and_a_restart(cli, file, people):
    cli("start", "tiny", "--keys", str(file), "--workers", "2", "--request-log")
    (report,) = cli.status()
    assert (report["auth"], report["keys"]) == (True, str(file))
    assert len(embed(cli, people["ada"])) == len(embed(cli, people["bob"])) == 1
    with pytest.raises(openai.AuthenticationError, match="unknown or revoked"):
        embed(cli, "wrong")
    missing = ask(cli)
    assert (missing.status_code, missing.headers["www-authenticate"]) == (401, "Bearer")
    assert ask(cli, describe="True").status_code == 401  # as TorchServe's own question would look
    assert ask(cli, path="/1.0/info").status_code == 401
    for path in ("tei/health", "ui"):
        assert requests.get(f"{cli.url}/predictions/tiny/1.0/{path}", timeout=60).status_code == 200
    assert cli("predict", "tiny", "hello").stdout.startswith("[[")
    assert "1 workers ready" in cli("scale", "tiny", "1").stdout

    file.write_text(f"ada:{people['ada']}\n")
    assert ask(cli, people["bob"]).status_code == 401  # at once
    assert ask(cli, people["ada"]).status_code == 200

    server = psutil.Process(report["pid"])
    shown = [*server.cmdline(), *(word for child in server.children(recursive=True) for word in child.cmdline())]
    shown += [str(server.environ())]
    cli("stop")
    assert file.exists()
    cli("start", "tiny", "--keys", str(file))
    assert ask(cli, people["ada"]).status_code == 200
    for key in people.values():
        assert key not in " ".join(shown)
        assert key.encode() not in written(cli.runs)


def test_other_protocols_and_grpc_ask_for_it_too(cli, file, people):
    cli("start", "tiny", "--keys", str(file))
    body = {"instances": ["hello"]}
    address = f"{cli.url}/v1/models/tiny:predict"
    assert requests.post(address, json=body, timeout=60).status_code == 401
    known = {"authorization": f"Bearer {people['ada']}"}
    assert requests.post(address, json=body, headers=known, timeout=60).status_code == 200
    assert requests.post(f"{cli.url}/explanations/tiny", json=HELLO, timeout=60).status_code == 401
    request = field(1, b"tiny") + field(3, field(1, b"body") + field(2, b'"hello"'))
    with grpc.insecure_channel(f"127.0.0.1:{cli.port + 3}") as channel:
        call = channel.unary_unary("/org.pytorch.serve.grpc.inference.InferenceAPIsService/Predictions")
        for metadata in (None, [("authorization", known["authorization"])]):  # TorchServe hands on no metadata
            assert b"unauthorized" in call(request, timeout=60, metadata=metadata)
