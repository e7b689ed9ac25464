"""What a process of Spark and an actor of Ray do, without either of them."""

from contextlib import contextmanager
from dataclasses import asdict

import numpy as np
import pytest

from scripts.bulk import spark, work
from scripts.bulk.job import Block, Done
from scripts.bulk.places import cluster
from scripts.bulk.rows import Refused
from scripts.console import Failure

BLOCK = Block(number=0, path="a.txt", size=6, mtime_ns=1, place=0, first=1, rows=2)


class Engine:
    """A text's vector is its length; `requests` are the bodies of each call."""

    def __init__(self):
        self.requests = []

    def answers(self, task, bodies):
        assert task == "embedding"
        self.requests.append(bodies)
        return [[np.float32([len(body["inputs"])])] if body["inputs"] else Refused("it is empty") for body in bodies]


class Frame(dict):
    """As much of a `pandas.DataFrame` as is used."""

    def assign(self, **columns):
        return Frame(self, **columns)


def test_spark_gets_a_vector_or_a_reason_for_each_row_and_the_archive_is_opened_once(monkeypatch):
    engines = []

    def opened(archive):
        engines.append((archive, Engine()))
        return engines[-1][1]

    monkeypatch.setattr(spark, "opened", opened)
    frames = [Frame(id=[0, 1, 2], text=["three", "", None]), Frame(id=[3], text=["a"]), Frame(id=[], text=[])]
    first, second, third = spark.embedding("bert.mar", dimensions=1)(iter(frames))
    assert (first["id"], first["embedding"], first["reason"]) == (
        [0, 1, 2], [[5], None, None], [None, "it is empty", "the column text has no text"],
    )  # fmt: skip
    assert (second["embedding"], second["reason"]) == ([[1]], [None])
    assert (third["embedding"], third["reason"]) == ([], [])
    ((archive, engine),) = engines
    assert archive == "bert.mar"
    assert engine.requests[0] == [{"inputs": "", "dimensions": 1}, {"inputs": "three", "dimensions": 1}]


@pytest.fixture
def actor(monkeypatch, tmp_path):
    opened = []

    @contextmanager
    def engine(archive, threads, device):
        opened.append((archive.name, threads, device))
        yield Engine()

    monkeypatch.setattr(cluster.engines, "opened", engine)
    made = cluster.Actor("store/bert.mar", "cpu", object(), str(tmp_path))
    assert opened == [("bert.mar", 1, "cpu")]
    return made


def test_an_actor_of_ray_says_what_became_of_a_block(actor, monkeypatch, tmp_path):
    calls = []

    def process(engine, recipe, folder, block):
        calls.append((engine, recipe, folder, block))
        return Done(2, 1)

    monkeypatch.setattr(work, "process", process)
    assert actor(asdict(BLOCK)) == {"rows": 2, "bad": 1, "what": "", "why": "", "fix": ""}
    assert calls == [(actor.engine, actor.recipe, tmp_path, BLOCK)]


@pytest.mark.parametrize(
    ("error", "what"),
    [
        (Failure("a.txt was changed", fix="begin anew"), "a.txt was changed"),
        (OSError(28, "No space left on device"), "[Errno 28] No space left on device"),
        (ValueError("a secret text"), "ValueError in a process that computes"),
    ],
)
def test_what_fails_in_an_actor_is_told_and_not_raised(actor, monkeypatch, error, what):
    """Ray would try what is raised for ever, and an error's own words may quote a text."""

    def process(*_):
        raise error

    monkeypatch.setattr(work, "process", process)
    said = actor(asdict(BLOCK))
    assert (said["rows"], said["what"]) == (0, what)
    assert "secret" not in "".join(map(str, said.values()))
