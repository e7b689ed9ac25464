import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO

import numpy as np
import pytest

from handler.errors import BertError, Invalid, Overloaded, TooLarge
from scripts import client as module
from scripts.client import BertClient, Unreachable
from scripts.rows import Rows


@pytest.fixture
def served(monkeypatch):
    """A server that gives the answers of a list in turn: a status and a body, or None for a lost connection."""
    monkeypatch.setattr(module, "sleep", lambda seconds: None)
    answers, seen, about = [], [], {"pooling": "mean"}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            seen.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            answer = answers.pop(0) if answers else echo(seen[-1])
            if answer is None:
                self.close_connection = True
                return
            status, body = answer
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    def echo(body):
        """Vectors that tell which text they are of, or what the model is."""
        if "inputs" not in body:
            return 200, json.dumps({"model": "bert", **about}).encode()
        stream = BytesIO()
        np.save(stream, np.array([[float(text), 0.5] for text in body["inputs"]], dtype=np.float32))
        return 200, stream.getvalue()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    with BertClient(f"http://127.0.0.1:{server.server_port}", retries=2) as client:
        client.about = about
        yield client, answers, seen
    server.shutdown()
    server.server_close()
    thread.join()


DIED = 500, b'{"code": 500, "type": "InternalServerException", "message": "Worker died."}'
FULL = 503, b'{"code": 503, "message": "no worker"}'
OURS = 503, b'{"error": "late", "error_type": "overloaded"}'


def test_what_is_safe_to_repeat_is_repeated(served):
    client, answers, seen = served
    answers[:] = [None, DIED]
    assert client.embed("1").tolist() == [[1, 0.5]]
    answers[:] = [FULL, OURS]
    assert client.embed(["2", "3"]).tolist() == [[2, 0.5], [3, 0.5]]
    assert len(seen) == 6


@pytest.mark.parametrize(("answer", "kind"), [(DIED, Overloaded), (FULL, Overloaded), (None, Unreachable)])
def test_but_not_for_ever(served, answer, kind):
    client, answers, seen = served
    answers[:] = [answer] * 9
    with pytest.raises(kind):
        client.embed("1")
    assert len(seen) == 3


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ((422, b'{"error": "empty text", "error_type": "invalid"}'), Invalid),
        ((413, b""), TooLarge),
        ((500, b'{"error": "a fault", "error_type": "internal"}'), BertError),
        ((400, b"what"), BertError),
    ],
)
def test_what_is_wrong_is_said_once(served, answer, kind):
    client, answers, seen = served
    answers[:] = [answer]
    with pytest.raises(kind, match=str(answer[0])) as caught:
        client.embed("1")
    assert type(caught.value) is kind
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
        client.embed_many(broken(), file, batch=10, in_flight=1, progress=False)
    done = len(np.load(file))
    assert 0 < done < 35
    seen.clear()
    vectors = client.embed_many([str(number) for number in range(50)], file, batch=10, progress=False)
    assert vectors[:, 0].tolist() == list(range(50))
    assert sum(len(body.get("inputs", ())) for body in seen) == 50 - done


def numbers(count, first=0):
    return [str(first + number) for number in range(count)]


@pytest.mark.parametrize(
    ("others", "why"),
    [
        (numbers(50, first=1), "texts 1 to 10 are others"),
        ([*numbers(34), "99", *numbers(15, first=35)], "texts 31 to 40 are others"),
        (numbers(20), "the vectors of 50 texts, and this is about others: 20 texts"),
    ],
)
def test_vectors_of_other_texts_are_never_returned(served, tmp_path, others, why):
    client, _, _ = served
    file = tmp_path / "vectors.npy"
    client.embed_many(numbers(50), file, batch=10, progress=False)
    before = file.read_bytes()
    with pytest.raises(ValueError, match=why):
        client.embed_many(iter(others), file, batch=7, progress=False)
    assert file.read_bytes() == before
    longer = client.embed_many(numbers(55), file, batch=7, progress=False)
    assert longer[:, 0].tolist() == list(range(55))


def test_another_model_or_other_options_are_another_file(served, tmp_path):
    client, _, _ = served
    file = tmp_path / "vectors.npy"
    client.embed_many(numbers(5), file, progress=False)
    with pytest.raises(ValueError, match=r"options \{\}, now \{'normalize': True\}"):
        client.embed_many(numbers(5), file, progress=False, normalize=True)
    client.about["pooling"] = "cls"
    with pytest.raises(ValueError, match="pooling 'mean', now 'cls'"):
        client.embed_many(numbers(5), file, progress=False)


@pytest.mark.parametrize("lost", [0, 1, 20])
def test_a_record_that_was_cut_off_costs_its_last_blocks(served, tmp_path, lost):
    client, _, seen = served
    file = tmp_path / "vectors.npy"
    client.embed_many(numbers(50), file, batch=10, progress=False)
    record = tmp_path / "vectors.npy.made"
    lines = record.read_text().splitlines(keepends=True)
    record.write_text("".join(lines[:-1]) + (lines[-1][:lost] if lost else ""))
    seen.clear()
    assert client.embed_many(numbers(50), file, batch=10, progress=False)[:, 0].tolist() == list(range(50))
    assert sum(len(body.get("inputs", ())) for body in seen) == 10
    record.unlink()
    with pytest.raises(ValueError, match=r"no vectors\.npy\.made says of which texts"):
        client.embed_many(numbers(50), file, progress=False)


def test_half_a_block_is_written_again(tmp_path):
    file = tmp_path / "rows.npy"
    with Rows(file) as rows:
        rows.append(np.ones((3, 4)))
    with file.open("ab") as stream:
        stream.write(b"half a row")
    with Rows(file) as rows:
        assert rows.count == 3
        rows.append(np.zeros((100_000, 4)))
    assert np.load(file).shape == (100_003, 4)
    with file.open("r+b") as stream:
        stream.truncate(128 + 16 * 5 + 3)  # a broken copy: the header says more than there is
    with Rows(file) as rows:
        assert rows.count == 5
        rows.append(np.full((1, 4), 7))
    assert np.load(file)[:, 0].tolist() == [1, 1, 1, 0, 0, 7]
    with Rows(file) as rows, pytest.raises(ValueError, match="rows of 4, these have 5"):
        rows.append(np.zeros((1, 5)))
    np.save(file, np.zeros((2, 2)))
    with pytest.raises(ValueError, match="not rows of float32"):
        Rows(file)
