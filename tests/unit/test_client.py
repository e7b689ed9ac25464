"""What both clients do, sync and async, against a server that answers what it is told to."""

import json

import numpy as np
import pytest

from bert_client import (
    BertError,
    Invalid,
    Overloaded,
    TimedOut,
    TooLarge,
    Unauthorized,
    Undecodable,
    Unexpected,
    UnknownModel,
    UnknownTask,
    Unreachable,
    digests,
)
from tests.serving import fake_server


@pytest.fixture
def served(connect, waits):
    """A client with two retries, the answers its server is to give, and the bodies the server has seen."""
    with fake_server() as server, connect(server.url, retries=2) as client:
        client.fake = server
        yield client, server.answers, server.seen


DIED = 500, b'{"code": 500, "type": "InternalServerException", "message": "Worker died."}'
FULL = 503, b'{"code": 503, "message": "no worker"}'
OURS = 503, b'{"error": "late", "error_type": "overloaded"}'
ABSENT = 503, b'{"error": "no server is up", "error_type": "unavailable"}'  # of a gateway
TIMED = {"x-decode-time": "0.1"}  # of a worker
LIMITED = 429, b'{"error": "too many requests", "error_type": "rate_limited"}'


def test_what_is_safe_to_repeat_is_repeated(served):
    client, answers, seen = served
    answers[:] = [None, DIED]
    assert client.embed("1").tolist() == [[1, 0.5]]
    for failed in ([FULL, OURS], [ABSENT, LIMITED]):
        answers[:] = failed
        assert client.embed(["2", "3"]).tolist() == [[2, 0.5], [3, 0.5]]
    assert len(seen) == 9


@pytest.mark.parametrize(("answer", "error"), [(DIED, Overloaded), (FULL, Overloaded), (None, Unreachable)])
def test_but_not_for_ever(served, answer, error):
    client, answers, seen = served
    answers[:] = [answer] * 9
    with pytest.raises(error):
        client.embed("1")
    assert len(seen) == 3


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((422, b'{"error": "empty text", "error_type": "invalid"}'), Invalid),
        ((413, b""), TooLarge),
        ((504, b'{"error": "late", "error_type": "timed_out"}'), TimedOut),
        ((500, b'{"error": "a fault", "error_type": "internal"}'), BertError),
        ((400, b"what"), Unexpected),
        ((400, b'["a list"]'), Unexpected),
        ((403, b"<html>Forbidden</html>"), Unexpected),
        ((404, b"<html>Not found</html>"), Unexpected),
        ((302, b""), Unexpected),
        ((200, b"<html>Log in</html>"), Unexpected),
        ((200, b""), Unexpected),
        ((404, b'{"message": "no such route"}', TIMED), UnknownTask),
        ((400, b'{"message": "no such key"}', TIMED), BertError),
        ((400, b'{"error": "no JSON", "error_type": "undecodable"}'), Undecodable),
        ((401, b'{"error": "no key", "error_type": "unauthorized"}'), Unauthorized),
        (
            (400, b'{"code": 400, "type": "InvalidKeyException", "message": "Token"}'),
            Unauthorized,
        ),
        ((404, b'{"code": 404, "type": "ModelNotFoundException", "message": "Model not found: x"}'), UnknownModel),
    ],
)
def test_what_is_wrong_is_said_once(served, answer, error):
    client, answers, seen = served
    answers[:] = [answer]
    with pytest.raises(error, match=str(answer[0])) as caught:
        client.embed("1")
    assert type(caught.value) is error
    assert len(seen) == 1


def test_a_stream_is_read_as_it_is_needed(served):
    client, _, _ = served
    read = []

    def texts():
        for number in range(1000):
            read.append(number)
            yield str(number)

    stream = client.stream(texts(), batch=10, in_flight=2)
    assert next(stream)[:, 0].tolist() == list(range(10))
    assert len(read) <= 40
    assert np.concatenate(list(stream))[:, 0].tolist() == list(range(10, 1000))


def test_embed_many_goes_on_where_it_was_cut_off(served, tmp_path):
    client, _, seen = served
    file = tmp_path / "vectors.npy"

    def broken():
        yield from map(str, range(35))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        client.embed_many(broken(), file, batch=10, in_flight=1)
    done = len(np.load(file))
    assert 0 < done < 35
    seen.clear()
    vectors = client.embed_many([str(number) for number in range(50)], file, batch=10)
    assert vectors[:, 0].tolist() == list(range(50))
    asked = [int(text) for body in seen for text in body.get("inputs", ())]  # one of before may come late
    assert min(asked) == done
    assert set(asked) == set(range(done, 50))


def numbers(count, first=0):
    return [str(first + number) for number in range(count)]


@pytest.mark.parametrize(
    ("others", "why"),
    [
        (numbers(50, first=1), "at least one of texts 1 to 10"),
        ([*numbers(34), "99", *numbers(15, first=35)], "at least one of texts 31 to 40"),
        (numbers(20), "the vectors of 50 texts, and the given texts differ: 20 texts"),
    ],
)
def test_vectors_of_other_texts_are_never_returned(served, tmp_path, others, why):
    client, _, _ = served
    file = tmp_path / "vectors.npy"
    client.embed_many(numbers(50), file, batch=10)
    before = file.read_bytes()
    with pytest.raises(ValueError, match=why):
        client.embed_many(iter(others), file, batch=7)
    assert file.read_bytes() == before
    longer = client.embed_many(numbers(55), file, batch=7)
    assert longer[:, 0].tolist() == list(range(55))


def test_another_model_or_other_options_are_another_file(served, tmp_path):
    client, _, _ = served
    file = tmp_path / "vectors.npy"
    client.embed_many(numbers(5), file)
    with pytest.raises(ValueError, match=r"options \{\}, now \{'normalize': True\}"):
        client.embed_many(numbers(5), file, normalize=True)
    client.fake.about["pooling"] = "cls"
    with pytest.raises(ValueError, match="pooling 'mean', now 'cls'"):
        client.embed_many(numbers(5), file)


@pytest.mark.parametrize("lost", [0, 1, 20])
def test_a_record_that_was_cut_off_costs_its_last_blocks(served, tmp_path, lost):
    client, _, seen = served
    file = tmp_path / "vectors.npy"
    client.embed_many(numbers(50), file, batch=10)
    record = tmp_path / "vectors.npy.made"
    lines = record.read_text().splitlines(keepends=True)
    record.write_text("".join(lines[:-1]) + (lines[-1][:lost] if lost else ""))
    seen.clear()
    assert client.embed_many(numbers(50), file, batch=10)[:, 0].tolist() == list(range(50))
    assert sum(len(body.get("inputs", ())) for body in seen) == 10
    record.unlink()
    with pytest.raises(ValueError, match=r"no vectors\.npy\.made says of which texts"):
        client.embed_many(numbers(50), file)


def test_a_record_is_whole_or_as_it_was(served, tmp_path, monkeypatch):
    client, _, _ = served
    file, record = tmp_path / "vectors.npy", tmp_path / "vectors.npy.made"
    client.embed_many(numbers(20), file, batch=10)
    before = record.read_text()

    def full(_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(digests.os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            client.embed_many(numbers(20), file, batch=10)
    assert record.read_text() == before
    record.write_text(before[:5])
    with pytest.raises(ValueError, match=r"vectors\.npy\.made was cut off in its first line"):
        client.embed_many(numbers(20), file, batch=10)


def test_rows_that_were_written_and_not_noted_are_dropped(served, tmp_path):
    client, _, _ = served
    file = tmp_path / "vectors.npy"
    client.embed_many(numbers(30), file, batch=10)
    record = tmp_path / "vectors.npy.made"
    record.write_text("".join(record.read_text().splitlines(keepends=True)[:-1]))
    assert client.embed_many(numbers(20), file, batch=10)[:, 0].tolist() == list(range(20))


def test_progress_is_told_the_vectors_so_far(served, tmp_path, capsys):
    client, _, _ = served
    told = []
    client.embed_many(numbers(25), tmp_path / "a.npy", batch=10, progress=told.append)
    assert told == [10, 20, 25]
    client.embed_many(iter(numbers(25)), str(tmp_path / "b.npy"), batch=10, progress=True)
    assert capsys.readouterr().err.endswith("\r25 vectors\n")
    assert client.embed_many([], tmp_path / "c.npy").shape == (0, 0)


def test_an_error_of_a_long_job_names_its_texts(served, tmp_path):
    client, answers, _ = served
    client.embed_many(numbers(20), tmp_path / "vectors.npy", batch=10)
    about = json.dumps({"model": "bert", **client.fake.about}).encode()
    answers[:] = [(200, about), (422, b'{"error": "text 6 of 10 is empty", "error_type": "invalid"}')]
    with pytest.raises(Invalid, match=r"^texts 21 to 30: 422: text 6 of 10 is empty$"):
        client.embed_many(numbers(40), tmp_path / "vectors.npy", batch=10, in_flight=1)
