"""Each method's request and answer, the same for both clients, and what is tried again."""

import threading
from time import sleep

import numpy as np
import pytest

from bert_client import BertClient, Overloaded, TimedOut, UnknownModel, Unreachable, retrying
from bert_client.retrying import RETRIES, Tries
from tests.serving import CLIENTS, NPY, FakeServer, fake_server

METHODS = [
    ("ask", ("tokenize", {"inputs": ["1"]}), {}, "tokenize", {"inputs": ["1"]}, "*/*"),
    ("embed", ("1",), {}, "embedding", {"inputs": ["1"]}, NPY),
    ("embed", (["1", "2"],), {"dimensions": 8}, "embedding", {"inputs": ["1", "2"], "dimensions": 8}, NPY),
    ("hidden_states", (["2", "1"],), {}, "hidden-states", {"inputs": ["2", "1"]}, NPY),
    ("multi_vector", (["2"], "query"), {}, "multi-vector", {"inputs": ["2"], "input_type": "query"}, NPY),
    ("similarity", ("2", ["3", "4"]), {}, "similarity", {"source": "2", "sentences": ["3", "4"]}, NPY),
    (
        "zero_shot_classification",
        ("1", ["a", "b"]),
        {"multi_label": True},
        "zero-shot-classification",
        {"inputs": ["1"], "candidate_labels": ["a", "b"], "multi_label": True},
        "*/*",
    ),
    ("word_vectors", ("king",), {}, "word-vectors", {"inputs": ["king"]}, "*/*"),
    (
        "most_similar",
        (["king", "woman"], "man"),
        {"top_k": 1},
        "word-vectors",
        {"inputs": [{"positive": ["king", "woman"], "negative": ["man"]}], "vectors": False, "top_k": 1},
        "*/*",
    ),
]
NO_MODEL = 404, b'{"code": 404, "type": "ModelNotFoundException", "message": "Model not found: bert"}'
FULL = 503, b'{"error": "late", "error_type": "overloaded"}'


@pytest.fixture
def fake():
    with fake_server() as server:
        yield server


def plain(result):
    return [plain(item) for item in result] if isinstance(result, list | np.ndarray) else result


@pytest.mark.parametrize("version", [None, "1.0"])
@pytest.mark.parametrize(("method", "args", "options", "task", "body", "accept"), METHODS)
def test_both_ask_and_read_the_same(fake, version, method, args, options, task, body, accept):
    results = []
    for connect in CLIENTS.values():
        with connect(fake.url, "a b", version) as client:
            results.append(plain(getattr(client, method)(*args, **options)))
    assert results[0] == results[1]
    assert set(fake.paths) == {"/predictions/a%20b" if version is None else f"/predictions/a%20b/1.0/{task}"}
    assert fake.seen == [body if version else body | {"task": task}] * 2
    assert [headers["accept"] for headers in fake.headers] == [accept] * 2


def test_shapes(connect, fake):
    with connect(fake.url) as client:
        assert client.zero_shot_classification(["1", "2"], ["a", "b"]) == [{"a": 0.5, "b": 0.5}] * 2
        assert client.embed(["1", "2"]).tolist() == [[1, 0.5], [2, 0.5]]
        assert [rows.tolist() for rows in client.hidden_states(["2", "1"])] == [[[2, 0], [2, 1]], [[1, 0]]]
        assert [rows.tolist() for rows in client.multi_vector(["2", "1"])] == [[[2, 0], [2, 1]], [[1, 0]]]
        ((places, vectors),) = client.chunks("7", chunk_size=8)
        assert (places, vectors.tolist()) == ([(0, 7)], [[1, 2]])
        (found,) = client.hybrid_embedding("1")
        assert found["sparse"] == {3: 0.5}
        assert [found[kind].tolist() for kind in ("dense", "multi_vector")] == [[1, 2], [[1, 2]]]
        assert client.similarity("2", ["3", "4"]).tolist() == [6, 8]
        assert client.word_vectors(["a", "b"]).dtype == np.float32
        assert client.most_similar("king", top_k=1) == [("queen", 0.5)]
        assert [block.shape for block in client.stream(map(str, range(5)), batch=2)] == [(2, 2), (2, 2), (1, 2)]


@pytest.mark.parametrize("name", ["api_key", "token"])
def test_a_key_is_sent_whatever_a_netrc_says(connect, fake, name, tmp_path, monkeypatch):
    file = tmp_path / "netrc"
    file.write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(file))
    with connect(fake.url, **{name: "secret"}) as client, connect(fake.url) as keyless:
        client.embed("1")
        keyless.embed("1")
    assert [headers.get("authorization") for headers in fake.headers] == ["Bearer secret", None]


def test_no_more_requests_than_in_flight(connect, fake):
    fake.delay = 0.02
    with connect(fake.url) as client:
        assert len(list(client.stream(map(str, range(20)), batch=1, in_flight=3))) == 20
        for wrong in ({"batch": 0}, {"in_flight": 0}):
            with pytest.raises(ValueError, match=r"1 or more|greater than 0"):
                list(client.stream(["1"], **wrong))
    assert fake.most_running == 3


def test_threads_share_a_client(fake):
    fake.delay = 0.005
    with BertClient(fake.url) as client:
        found = []
        threads = [
            threading.Thread(target=lambda n=n: found.extend((n, client.embed(str(n))[0, 0]) for _ in range(5)))
            for n in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 40
        assert all(number == got for number, got in found)
        assert len(client.idle) <= 8


def test_a_restart_is_waited_for(connect, monkeypatch):
    """The port is closed, then knows no model, then answers; connections that were kept are dead."""
    monkeypatch.setattr(retrying, "LONGEST_WAIT", 0.2)
    server = FakeServer()
    port = server.http.server_port
    with connect(server.url) as client:
        client.embed("1")
        server.close()
        back = []

        def start():
            sleep(0.3)
            back.append(FakeServer(port, [NO_MODEL, (503, b'{"code": 503, "message": "no worker"}'), None]))

        thread = threading.Thread(target=start)
        thread.start()
        try:
            assert client.embed("2").tolist() == [[2, 0.5]]
        finally:
            thread.join()
            back[0].close()
    assert len(back[0].seen) == 4


def test_a_wrong_name_is_said_at_once(connect, fake, waits):
    fake.answers[:] = [NO_MODEL]
    with connect(fake.url) as client:
        with pytest.raises(UnknownModel, match="404: Model not found"):
            client.embed("1")
        assert waits == []
        client.embed("1")
        fake.answers[:] = [NO_MODEL] * 99
        with pytest.raises(UnknownModel):
            client.embed("1")
    assert len(waits) == RETRIES


def test_the_default_waits_span_a_restart(connect, fake, waits):
    fake.answers[:] = [FULL] * 99
    with connect(fake.url) as client, pytest.raises(Overloaded):
        client.embed("1")
    assert 55 < sum(waits) < 65
    assert waits[0] == 0.1
    assert max(waits) == 3


def test_what_the_server_asks_to_wait_is_waited(connect, fake, waits):
    fake.answers[:] = [(*FULL, {"retry-after": "7"}), (*FULL, {"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"})]
    with connect(fake.url) as client:
        client.embed("1")
    assert waits == [7, 0.2]


def test_a_body_that_is_cut_off_is_asked_for_again(connect, fake, waits):
    fake.answers[:] = [(200, b"half", {"content-length": 8})]
    with connect(fake.url) as client:
        assert client.embed("1").tolist() == [[1, 0.5]]
    assert len(waits) == 1


def test_a_try_that_took_all_its_time_is_the_last(connect, fake, waits):
    fake.delay = 0.3
    with connect(fake.url, timeout=0.05) as client, pytest.raises(TimedOut, match=r"no answer within 0\.05 s"):
        client.embed("1")
    assert waits == []


def test_the_callers_timeout_bounds_all_tries(connect, waits, monkeypatch):
    monkeypatch.setattr(retrying, "monotonic", lambda: sum(waits))
    with fake_server() as server:
        url = server.url
    with connect(url, timeout=1.4) as client, pytest.raises(Unreachable, match=url):
        client.embed("1")
    assert waits == [0.1, 0.2, 0.4]  # the next try would come after 1.5 s


def test_nobody_there(connect, waits):
    with fake_server() as server:
        url = server.url
    with connect(url, retries=1) as client, pytest.raises(Unreachable, match=url):
        client.embed("1")
    assert waits == [0.1]


def test_a_wrong_body_is_no_failure_of_the_server(connect, fake):
    with connect(fake.url) as client, pytest.raises(ValueError, match="JSON"):
        client.ask("embedding", {"inputs": "1", "dimensions": float("nan")})
    assert not fake.seen


def test_no_tries_left():
    with pytest.raises(Overloaded):
        Tries(0, answered=True, timeout=60).next_delay(Overloaded("503"))
