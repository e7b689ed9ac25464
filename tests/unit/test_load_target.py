"""What a load asks a running model for."""

from types import SimpleNamespace

import orjson
import pytest

from scripts.console import Failure
from scripts.load import running
from scripts.server import inference, management

SERVER = SimpleNamespace(inference="http://127.0.0.1:1", pid=1, metrics="http://127.0.0.1:1/metrics")


class Answer:
    def __init__(self, status_code, body):
        self.status_code, self.text = status_code, orjson.dumps(body).decode()

    def json(self):
        return orjson.loads(self.text)


def ask(monkeypatch, info, task=None, status=200):
    """The fields of a load, where the server says that of itself and answers with that status."""
    said = []

    def post(_server, path, body, _timeout=0):
        assert path == "/predictions/bert"
        said.append(body)
        return Answer(200, info) if body == {"task": "info"} else Answer(status, {"error": "an embedding needs states"})

    monkeypatch.setattr(inference, "post", post)
    monkeypatch.setattr(management, "auth_header", lambda _: {"authorization": "Bearer k"})
    target = running.target(SERVER, "bert", task, [2])
    assert said[-1] == {"inputs": "Hello, how are you?", **target.fields}  # asked before the load
    assert (target.pids, target.head) == ([1, 2], "authorization: Bearer k\r\n")
    return target.fields


@pytest.mark.parametrize(
    ("info", "task", "fields"),
    [
        ({"task": "text-classification", "tasks": ["text-classification"]}, None, {"task": "text-classification"}),
        (
            {"task": "text-classification", "tasks": ["text-classification", "embedding"]},
            None,
            {"task": "embedding", "encoding_format": "base64"},
        ),
        ({"task": "embedding", "tasks": ["embedding"]}, "hidden-states", {"task": "hidden-states"}),
        ("another project's words", None, {"task": "embedding", "encoding_format": "base64"}),
        (
            {"task": "zero-shot-classification", "tasks": ["zero-shot-classification"]},
            None,
            {"task": "zero-shot-classification", "candidate_labels": ["a greeting", "a question"]},
        ),
        ({"task": "question-answering", "tasks": []}, None, {"task": "question-answering"}),
    ],
)
def test_a_load_asks_for_embeddings_or_the_archives_own_task(monkeypatch, info, task, fields):
    assert ask(monkeypatch, info, task) == fields


def test_what_takes_more_than_texts_is_refused_before_the_load(monkeypatch):
    with pytest.raises(Failure, match="bert answers 404 to a text alone with the task embedding") as failed:
        ask(monkeypatch, {}, "embedding", 404)
    assert "an embedding needs states" in failed.value.why
