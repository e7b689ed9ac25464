"""What the served part of the GPU run makes of numbers, without a server; `tests/e2e` runs it as a whole."""

from __future__ import annotations

import signal
from time import monotonic

import numpy as np
import orjson
import pytest
import requests

from benchmarks.gpu.context import Context, read
from benchmarks.gpu.served import clients, jobs, pieces, prediction, senders, smi, wires
from benchmarks.gpu.served.mixed import Verdicts, distance
from benchmarks.gpu.served.sender import Order, Share
from benchmarks.gpu.served.sender import requests as as_requests
from benchmarks.gpu.sizes import TINY


def share(**over):
    return Share(**{"seconds": 2.0, "latencies": [0.1, 0.2], "errors": {}, "texts": 16, "cpu": 0.5} | over)


def test_rates_of_several_processes_are_sums_over_the_longest_time():
    found = senders.summary([share(), share(seconds=4.0, latencies=[0.3] * 6, errors={"503": 1}, texts=48)], 10.0)
    assert (found["requests"], found["seconds"]) == (8, 4.0)
    assert (found["requests_per_second"], found["texts_per_second"], found["tokens_per_second"]) == (2.0, 16.0, 160)
    assert (found["p50_ms"], found["errors"]) == (300.0, {"503": 1})


def test_errors_add_up_and_no_good_answer_has_no_latency():
    found = senders.summary([share(latencies=[], texts=0, errors={"500": 2})] * 2, 10.0)
    assert (found["p50_ms"], found["tokens_per_second"], found["errors"]) == (None, 0, {"500": 4})


@pytest.mark.parametrize(
    ("in_flight", "processes", "want"), [(64, 4, [16] * 4), (5, 3, [2, 2, 1]), (2, 4, [1, 1]), (1, 1, [1])]
)
def test_requests_in_flight_are_dealt_out(in_flight, processes, want):
    assert senders.shares(in_flight, processes) == want


def test_each_text_is_in_one_request():
    order = Order(url="http://127.0.0.1:1/v1/embeddings", file="", texts_each=3, in_flight=1, warm=0, seconds=0, seed=1)
    made = as_requests(order, [str(number) for number in range(10)])
    texts = [text for request in made for text in orjson.loads(request.body)["input"]]
    assert [request.texts for request in made] == [3, 3, 3]
    assert len(set(texts)) == 9


def test_difference_is_a_share_of_the_wanted_vector():
    want = np.asarray([[3.0, 4.0], [0.0, 10.0]])
    assert wires.difference(want, want) == 0
    assert wires.difference(want + np.asarray([[0, 0], [0, 1]]), want) == pytest.approx(0.1)
    assert wires.difference(want * np.nan, want) == np.inf
    with pytest.raises(ValueError, match="shape"):
        wires.difference(want[:1], want)


def test_openai_vectors_as_lists_and_as_base64():
    numbers = np.asarray([1.5, -2.0], dtype="<f4")
    import base64

    encoded = base64.b64encode(numbers.tobytes()).decode()
    for item in (numbers.tolist(), encoded):
        assert wires.as_vectors(wires.openai_vectors({"data": [{"embedding": item}]})).tolist() == [[1.5, -2.0]]


@pytest.mark.parametrize("size", [0, 5, 127, 128, 20_000, 3_000_000])
def test_a_prediction_is_read_whatever_its_length(size):
    body = bytes(size)
    assert prediction.prediction(prediction.field(1, body)) == body
    assert prediction.request("bert", body).startswith(b"\x0a\x04bert\x1a")


def test_what_is_no_prediction_is_refused():
    with pytest.raises(ValueError, match="no prediction"):
        prediction.prediction(b"\x12\x00")


def test_verdicts_count_what_should_not_be():
    verdicts = Verdicts(bound=0.01)
    for wanted, got, off in [(200, 200, 0.001), (200, 200, 0.5), (422, 422, 0), (422, 200, 0), (200, "Timeout", 0)]:
        verdicts.take(wanted, got, off, "body")
    verdicts.take(200, 503, 0, "body")
    found = verdicts.report()
    assert (found["requests"], found["good"], found["bad"]) == (6, 4, 2)
    assert (found["wrong"], found["server_errors"], found["difference"]) == (1, 2, 0.5)
    assert found["unexpected"] == {"422 -> 200": 1, "200 -> Timeout": 1, "200 -> 503": 1}
    assert len(found["examples"]) == 4


def test_an_answer_that_is_none_is_infinitely_wrong():
    answer, vector = requests.Response(), np.asarray([[3.0, 4.0]])
    for body, want in [(b"[[3.0, 4.0], [3.0, 4.5]]", 0.1), (b"[[3.0]]", np.inf), (b"oh", np.inf), (b"{}", np.inf)]:
        answer._content = body
        assert distance(answer, vector) == pytest.approx(want)


def test_one_request_in_five_is_bad():
    alone = {"a cat": np.ones((1, 2))}
    drawn = [jobs.draw(client, turn, alone) for client in range(10) for turn in range(20)]
    assert sum(job.wanted != 200 for job in drawn) == len(drawn) // jobs.ONE_IN
    assert all((job.vector is None) == (job.wanted != 200) for job in drawn)
    assert jobs.draw(3, 4, alone) == jobs.draw(3, 4, alone)


def test_a_tally_knows_the_longest_time_without_a_good_answer():
    tally = clients.Tally()
    for status in ["200", "500", "200", "ConnectionError"]:
        tally.take(status)
    tally.answered = [1.0, 1.5, 4.0, 4.25]
    found = tally.report()
    assert found == {"requests": 4, "failed": {"500": 1, "ConnectionError": 1}, "longest_gap_seconds": 2.5}


def test_samples_of_nvidia_smi():
    samples = smi.Samples()
    assert samples.report() == {"gpu_percent": None, "gpu_memory_mib": None}
    samples.take(["97 %, 1234 MiB", "[N/A], 2000 MiB", "", "No devices were found"])
    assert samples.report() == {"gpu_percent": 97.0, "gpu_memory_mib": 2000.0}


def test_a_piece_that_fails_is_written_down_and_the_next_goes_on(tmp_path):
    context = Context("served", tmp_path, tmp_path, "cpu", TINY, monotonic() + 60)

    def fails():
        raise TypeError("no such thing")

    assert not pieces.attempt(context, "first", fails)
    assert pieces.attempt(context, "second", lambda: context.add("second", number=1))
    assert not pieces.attempt(context, "third", fails, seconds=600)
    assert not pieces.attempt(Context("served", tmp_path, tmp_path, "cpu", TINY, monotonic() - 1), "fourth", fails)
    found = {line["kind"]: line for line in read(tmp_path)}
    assert found["first"]["failed"] == "TypeError: no such thing"
    assert found["second"]["number"] == 1
    assert found["third"]["skipped"].startswith("takes about 600 s")
    assert found["fourth"]["skipped"] == "no time left"
    assert found["took"]["piece"] == "second"


def test_a_signal_ends_the_run_once(monkeypatch):
    set_to = []
    monkeypatch.setattr(signal, "signal", lambda number, action: set_to.append((number, action)))
    with pytest.raises(SystemExit) as ended:
        pieces.ended(signal.SIGTERM, None)
    assert ended.value.code == 128 + signal.SIGTERM
    assert set_to == [(signal.SIGTERM, signal.SIG_IGN)]
