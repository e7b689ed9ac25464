"""Every task and protocol through a real TorchServe."""

import base64
import html
import http.client
import json
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import numpy as np
import openai
import pytest
import requests

from bert_client import BertClient
from handler.telemetry import STAGES
from tests.e2e.conftest import wait_for

JSON = {"content-type": "application/json"}
FORM = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def bert(server):
    return f"{server.url}/predictions/bert"


@pytest.fixture(scope="module")
def client(server):
    with openai.OpenAI(base_url=f"{server.url}/predictions/bert/1.0/v1", api_key="none", max_retries=0) as client:
        yield client


def near(vectors, wanted):
    return np.abs(np.asarray(vectors, dtype=np.float64) - wanted).max() < 1e-5


def test_embedding_is_the_default_of_a_sentence_transformer(bert, reference):
    answer = requests.post(bert, json={"inputs": reference["texts"]})
    assert answer.headers["content-type"] == "application/json"
    assert near(answer.json(), reference["embeddings"])


def test_hidden_states_are_the_default_of_a_bare_model(server, bert):
    states = requests.post(f"{server.url}/predictions/tiny", json={"text": "how are you?"}).json()
    assert np.asarray(states).shape == (1, 6, 32)
    states = requests.post(f"{bert}/1.0/hidden-states", json={"text": "Hello, how are you?"}).json()
    assert np.asarray(states).shape == (1, 8, 384)


def test_similarity_tokenize_info(bert, reference):
    texts = reference["texts"]
    cosines = requests.post(f"{bert}/1.0/similarity", json={"source": texts[0], "sentences": texts[1:4]}).json()
    assert cosines == pytest.approx(reference["similarity_of_first_to_next_three"], abs=1e-5)
    (tokens,) = requests.post(bert, json={"task": "tokenize", "inputs": texts[0]}).json()
    assert [token["text"] for token in tokens[:3]] == ["[CLS]", "Hello", ","]
    assert requests.get(f"{bert}/1.0/info").json()["limits"]["max_length"] == 256


def test_word_vectors(server, bert):
    with BertClient(server.url) as client:
        assert client.most_similar(["king", "woman"], ["man"], 1)[0][0] == "queen"
        assert client.word_vectors(["king", "queen"]).shape == (2, 384)
    shown = server("predict", "bert", "king", "--task", "word-vectors").stdout
    assert shown.startswith('[{"tokens":["king"],"vector":[')
    answer = requests.post(f"{bert}/1.0/word-vectors", json={"inputs": ["king", "🤖"]})
    assert (answer.status_code, answer.json()["error_type"]) == (422, "invalid")


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ('{"inputs": "Hello, how are you?"}', JSON),
        ('{"text": "Hello, how are you?"}', {"content-type": "application/json; charset=utf-8"}),
        ('"Hello, how are you?"', JSON),
        ('["Hello, how are you?"]', JSON),
        ("Hello, how are you?", {"content-type": "text/plain"}),
        ("Hello, how are you?", {}),
        ('{"inputs": "Hello, how are you?"}', {}),
        ("text=Hello%2C+how+are+you%3F", {"content-type": FORM}),
    ],
)
def test_ways_to_send_a_text(bert, reference, body, headers):
    answer = requests.post(bert, data=body.encode(), headers=headers)
    assert answer.status_code == 200, answer.text
    assert near(answer.json(), reference["embeddings"][:1])


def test_json_sent_as_a_form_is_told_the_header(bert):
    answer = requests.post(bert, data=b'{"inputs": "a = b & c"}', headers={"content-type": FORM})
    assert answer.status_code == 400
    assert "add -H 'content-type: application/json'" in answer.json()["error"]


def test_multipart(bert, reference):
    answer = requests.post(bert, files={"text": (None, reference["texts"][0]), "normalize": (None, "true")})
    assert near(answer.json(), reference["embeddings"][:1])


def test_describe_is_answered_by_the_worker(server):
    answer = requests.get(f"http://127.0.0.1:{server.port + 1}/models/bert", params={"customized": "true"})
    assert answer.json()[0]["customizedMetadata"]["hidden_size"] == 384


def test_a_client_that_asks_as_torchserve_does_gets_no_neighbour_into_trouble(bert):
    def ask(odd):
        return requests.post(bert, headers={"describe": "True"} if odd else {}, json=None if odd else {"inputs": "a"})

    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(ask, [number % 8 == 0 for number in range(96)]))
    assert [answer.status_code for answer in answers] == [422 if number % 8 == 0 else 200 for number in range(96)]


@pytest.mark.parametrize("encoding", ["float", "base64", None])
def test_openais_client(client, reference, encoding):
    texts = reference["texts"][:4]
    options = {} if encoding is None else {"encoding_format": encoding}
    answer = client.embeddings.create(model="bert", input=texts, **options)
    vectors = [item.embedding for item in answer.data]
    if encoding == "base64":
        vectors = [np.frombuffer(base64.b64decode(vector), "<f4") for vector in vectors]
    assert near(vectors, reference["embeddings"][:4])
    assert answer.usage.prompt_tokens == sum(reference["tokens"][:4])


def test_openais_client_with_one_text_ids_and_dimensions(client, bert, reference):
    text = reference["texts"][0]
    assert near([client.embeddings.create(model="m", input=text).data[0].embedding], reference["embeddings"][:1])
    (tokens,) = requests.post(bert, json={"task": "tokenize", "inputs": text}).json()
    ids = [token["id"] for token in tokens if not token["special"]]
    for given in (ids, [ids]):
        assert near([client.embeddings.create(model="m", input=given).data[0].embedding], reference["embeddings"][:1])
    short = np.asarray(client.embeddings.create(model="m", input=text, dimensions=64).data[0].embedding)
    assert short.shape == (64,)
    assert np.linalg.norm(short) == pytest.approx(1, abs=1e-6)


def test_openais_client_with_as_many_texts_as_openai_takes(client, reference):
    texts = [*reference["texts"][:4], *(f"line {number} of a file" for number in range(2044))]
    answer = client.embeddings.create(model="bert", input=texts)
    assert [item.index for item in answer.data] == list(range(2048))
    assert near([item.embedding for item in answer.data[:4]], reference["embeddings"][:4])
    with pytest.raises(openai.APIStatusError, match="2049 texts in one request, the limit is 2048"):
        client.embeddings.create(model="bert", input=[*texts, "one more"])


def test_openais_client_sees_errors_as_its_own(client):
    with pytest.raises(openai.BadRequestError, match="text 1 of 1 is empty"):
        client.embeddings.create(model="m", input="")
    assert [model.id for model in client.models.list()] == ["bert"]


def test_a_route_that_is_not_there(server, bert):
    assert requests.post(f"{bert}/1.0/embeding", json={"inputs": "a"}).status_code == 404
    missing = requests.post(f"{bert}/1.0/fill-mask", json={"inputs": "a"})
    assert missing.status_code == 404
    words = "this archive has no head for fill-mask; it can do: chunk-embedding, decode, embedding, "
    assert missing.json()["error"].startswith(words)


def test_a_browser_gets_a_page_whose_commands_work(bert):
    accept = {"accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}
    page = requests.get(bert, headers=accept)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    commands = re.findall(r"<pre>(.*?)</pre>", page.text, flags=re.DOTALL)
    assert len(commands) > 8
    for command in map(html.unescape, commands):
        shown = subprocess.run(["bash", "-c", f"{command} -f"], capture_output=True, text=True, timeout=60)
        assert shown.returncode == 0, command
    assert requests.get(f"{bert}/1.0/info", headers=accept).text.count("\n") > 20
    assert requests.get(bert).status_code == 422


def test_stage_times_are_in_headers_and_in_prometheus(server, bert):
    headers = requests.post(bert, json={"inputs": "a " * 400}).headers
    assert headers["x-truncated"] == "1"
    for stage in STAGES:
        assert float(headers[f"x-{stage}-time"]) > 0
    requests.post(bert, json={"inputs": ""})

    def metrics():
        return requests.get(f"http://127.0.0.1:{server.port + 2}/metrics").text

    def value(name, **labels):
        wanted = "".join(f'.*{key}="{text}"' for key, text in labels.items())
        found = re.search(rf"^{name}\{{{wanted}.*\}} (\S+)$", metrics(), flags=re.MULTILINE)
        return float(found.group(1)) if found else 0

    wait_for(lambda: value("bert_errors", ModelName="bert", error_type="invalid"), "error counted")
    for stage in STAGES:
        assert value("bert_stage_seconds", ModelName="bert", stage=stage) > 0
    for name in ("bert_batches", "bert_requests", "bert_texts", "bert_tokens", "bert_truncations", "bert_cache_misses"):
        assert value(name, ModelName="bert") > 0, name


def test_predict_reads_arguments_standard_input_and_bodies(server, reference):
    shown = server("predict", "bert", reference["texts"][0]).stdout
    assert shown.startswith("[[0.0")
    shown = server("predict", "bert", "--body", '{"inputs": "a", "task": "tokenize"}').stdout
    assert '"text":"a"' in shown
    failed = server("predict", "bert", "--task", "embeding", "a", expect=1)
    assert "did you mean" in failed.stderr
    for unknown in ("brt", "bert/7.0"):
        failed = server("predict", unknown, "a", expect=1)
        assert "this server serves bert (1.0), tiny (1.0)" in failed.stderr
        assert "refer to" not in failed.stderr


def test_status_and_doctor(server):
    (report,) = server.status()
    assert [model["name"] for model in report["models"]] == ["bert", "tiny"]
    assert all(worker["status"] == "READY" for model in report["models"] for worker in model["workers"])
    findings = {finding["name"]: finding for finding in json.loads(server("doctor", "--json").stdout)}
    assert findings["archives"]["detail"] == "bert.mar, tiny.mar"
    assert "a server of this project runs" in findings["ports"]["detail"]


def test_doctor_fails_with_the_fix_where_something_is_missing(server, tmp_path):
    shown = server("doctor", expect=1, BERT_MODEL_STORE=str(tmp_path)).stdout
    assert f"archives: none in {tmp_path}" in shown
    assert "to fix: scripts/bert up" in shown


def test_a_connection_outlives_errors_but_a_bad_request(server):
    """TorchServe itself closes it after each; see `scripts/server/java_patches.py`."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.connect()
    first = connection.sock
    for path, body, status in (
        ("/predictions/none", "{}", 404),
        ("/nothing", "{}", 404),
        ("/predictions/bert", '{"inputs": []}', 422),
        ("/predictions/bert", '{"inputs": "a"}', 200),
    ):
        connection.request("POST", path, body, JSON)
        answer = connection.getresponse()
        answer.read()
        assert (answer.status, answer.headers["connection"]) == (status, "keep-alive")
        assert connection.sock is first
    first.sendall(b"no HTTP at all\r\n\r\n")
    said = b""
    with suppress(ConnectionResetError):  # it may close before it has read what else was sent
        while part := first.recv(4096):
            said += part
    assert said.startswith(b"HTTP/1.1 400")
    assert b"connection: close" in said
    connection.close()
