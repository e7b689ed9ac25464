"""A server and a cluster as places: what is sent to them, and what their failures are told as."""

import datetime
import json
from types import SimpleNamespace

import pytest

from bert_client import BertClient
from scripts.bulk.job import Block, Recipe
from scripts.bulk.places import cluster
from scripts.bulk.places.cluster import Cluster
from scripts.bulk.places.server import TEXTS, Asked
from scripts.bulk.rows import Refused
from scripts.console import Failure
from tests.serving import fake_server

ZERO_SHOT = "zero-shot-classification"
REFUSED = 422, b'{\n  "error": "no such route",\n  "error_type": "invalid"\n}\n'
LATE = 503, b'{"error": "late", "error_type": "overloaded"}'


@pytest.fixture
def asked():
    """A server as an engine, and the bodies it has seen."""
    with fake_server() as server, BertClient(server.url, retries=0) as client:
        engine = Asked(client)
        engine.fake = server
        yield engine, server.seen


def test_a_row_is_asked_with_its_own_keys(asked):
    """As an archive that is opened here answers it: each request by itself."""
    engine, seen = asked
    labels = [["a"], ["b", "c"], ["a"]]
    bodies = [{"inputs": str(n), "candidate_labels": labels[n % 3]} for n in range(3 * TEXTS)]
    answers = engine.answers(ZERO_SHOT, bodies)
    assert answers == [engine.one(ZERO_SHOT, {**body, "inputs": [body["inputs"]]}) for body in bodies]
    assert [len(body["inputs"]) for body in seen[:4]] == [TEXTS, TEXTS, TEXTS, 1]


def test_only_the_row_that_is_wrong_is_refused(asked):
    engine, seen = asked
    engine.fake.answers[:] = [REFUSED, REFUSED, REFUSED]
    bodies = [{"inputs": str(n), "dimensions": 2} for n in range(4)]
    answers = engine.answers("embedding", bodies)
    assert [isinstance(answer, Refused) for answer in answers] == [True, False, False, False]
    assert [len(body["inputs"]) for body in seen] == [4, 2, 1, 1, 2]


@pytest.mark.parametrize(("value", "words"), [(datetime.date(2026, 1, 2), "date"), (float("nan"), "range")])
def test_a_key_that_json_does_not_have_costs_its_row(asked, value, words):
    engine, _ = asked
    good, bad = engine.answers(ZERO_SHOT, [{"inputs": "1", "candidate_labels": ["a"]}, {"inputs": "2", "x": value}])
    assert good == [[{"label": "a", "score": 0.5}]]
    assert isinstance(bad, Refused)
    assert words in bad.reason


def test_a_refused_line_of_a_batch_has_the_errors_own_body_on_one_line(asked):
    engine, seen = asked
    engine.fake.answers[:] = [REFUSED, (413, b"")]
    replies = engine.replies([("v1/nothing", b"{}"), ("v1/embeddings", b"{}"), ("v1/embeddings", b"{}")])
    assert [status for status, _ in replies] == [422, 413, 200]
    assert json.loads(replies[0][1]) == {"error": "no such route", "error_type": "invalid"}
    assert not any(b"\n" in body for _, body in replies[:2])
    assert json.loads(replies[1][1]) == ""
    assert len(seen) == 3


PAGES = [
    (403, b"<html>\nForbidden"),
    (404, b'{"message": "no route"}'),
    (400, b"bad"),
    (302, b""),
    (200, b"<html>\nLog in"),
]


@pytest.mark.parametrize("page", PAGES)
def test_what_a_proxy_says_is_no_rows_fault(asked, page):
    """The run ends, and goes on when it is called again."""
    engine, seen = asked
    bodies = [{"inputs": str(n)} for n in range(4)]
    calls = (
        lambda: engine.answers("embedding", bodies),
        lambda: engine.answers(ZERO_SHOT, [body | {"candidate_labels": ["a"]} for body in bodies]),
        lambda: engine.replies([("v1/embeddings", b"{}")]),
    )
    for number, call in enumerate(calls, 1):
        engine.fake.answers[:] = [page]
        with pytest.raises(Failure) as caught:
            call()
        assert caught.value.what.startswith(f"{engine.fake.url}/predictions/bert answered {page[0]}")
        assert len(seen) == number
    if page[1].startswith(b"<html>"):
        assert "<html> " in caught.value.what


def test_a_proxys_json_is_no_answer_either(asked):
    engine, _ = asked
    engine.fake.answers[:] = [(200, b'{"status": "ok"}')]
    with pytest.raises(Failure, match="1 answers to 2 texts"):
        engine.answers(ZERO_SHOT, [{"inputs": each, "candidate_labels": ["a"]} for each in "12"])


def test_a_page_of_the_models_own_is_an_answer(asked):
    """Which `openai_batch` refuses, as it does one of an archive that is opened here."""
    engine, _ = asked
    engine.fake.answers[:] = [(200, b"<html>", {"x-decode-time": "0.1"})]
    assert engine.replies([("ui", b"{}")]) == [(200, b"<html>")]


def test_integers_of_a_batch_arrive_as_they_are(asked):
    engine, seen = asked
    engine.replies([("v1/embeddings", b'{"input": 340282366920938463463374607431768211455}')])
    assert seen[0]["input"] == 340282366920938463463374607431768211455


def test_a_server_that_is_full_ends_a_batch(asked):
    engine, _ = asked
    engine.fake.answers[:] = [LATE]
    with pytest.raises(Failure, match="late"):
        engine.replies([("v1/embeddings", b"{}")])


class Lost(Exception):
    """What Ray raises."""


class FakeRay:
    """As much of Ray as is used; `needs` are what actors take, `rows` what they return."""

    def __init__(self, gpus=0):
        self.needs, self.rows, self.gpus = [], [], gpus
        self.exceptions = SimpleNamespace(RayError=Lost)
        context = SimpleNamespace(get_current=SimpleNamespace)
        self.data = SimpleNamespace(from_items=lambda *_, **__: self, DataContext=context, ActorPoolStrategy=dict)

    def init(self, **_):
        pass

    shutdown = init

    def cluster_resources(self):
        return {"CPU": 4.0} | ({"GPU": float(self.gpus)} if self.gpus else {})

    def remote(self, actor, *arguments):
        return self

    def options(self, **needs):
        self.needs.append(needs)
        return self

    def map(self, actor, fn_constructor_args, compute, **needs):
        self.needs.append(needs)
        self.device = fn_constructor_args[1]
        return self

    def iter_rows(self):
        for row in self.rows:
            if isinstance(row, Exception):
                raise row
            yield row


@pytest.fixture
def ray(monkeypatch):
    fake = FakeRay()
    monkeypatch.setattr(cluster, "library", {"ray": fake, "ray.data": fake.data}.__getitem__)
    return fake


def computed(place, tmp_path):
    recipe = Recipe("embedding", {}, {}, "npy", "embedding", 4, {})
    with place:
        return list(place.run(recipe, tmp_path, [Block(0, "a.txt", 6, 1, 0, 1, 2)]))


DONE = {"rows": 2, "bad": 1, "what": "", "why": "", "fix": ""}


@pytest.mark.parametrize("error", [Lost("the node died"), ConnectionError("the head is gone"), RuntimeError("no")])
def test_what_ray_raises_while_it_computes_is_told(ray, tmp_path, error):
    ray.rows = [DONE, error]
    with pytest.raises(Failure, match=f"--ray auto: {type(error).__name__}") as failure:
        computed(Cluster("auto", tmp_path / "bert.mar"), tmp_path)
    assert failure.value.why == str(error)
    assert "goes on" in failure.value.fix


def test_actors_take_a_gpu_each_where_one_is_asked_for(ray, tmp_path):
    ray.rows = [DONE]
    assert len(computed(Cluster("auto", tmp_path / "bert.mar"), tmp_path)) == 1
    assert (ray.needs, ray.device) == ([{"num_cpus": 1}] * 2, "cpu")
    with pytest.raises(Failure, match="no node of --ray auto has a GPU"):
        computed(Cluster("auto", tmp_path / "bert.mar", "gpu"), tmp_path)
    ray.gpus, ray.needs = 2, []
    assert len(computed(Cluster("auto", tmp_path / "bert.mar", "gpu"), tmp_path)) == 1
    assert (ray.needs, ray.device) == ([{"num_cpus": 1, "num_gpus": 1}] * 2, "cuda:0")
