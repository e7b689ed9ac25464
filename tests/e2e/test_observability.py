"""What is seen of single requests on a real server: ids, spans, a line in the log, and the list of slow ones."""

import json
import os
import signal

import psutil
import requests

from tests.e2e.conftest import wait_for

SPAN = "0af7651916cd43dd8448eb211c80319c-b7ad6b716920"


def ask(server, number, body, **headers):
    """A request of which everything can be found again by its number."""
    given = {"x-request-id": f"seen-{number}", "traceparent": f"00-{SPAN}{number:04x}-01", **headers}
    return requests.post(f"{server.url}/predictions/bert", json=body, headers=given, timeout=60)


def logged(server):
    log = server.runs / str(server.port) / "logs" / "requests.log"
    lines = log.read_text().splitlines() if log.exists() else []  # it begins up to a second after the first request
    return {line["request_id"]: line for line in map(json.loads, lines)}


def test_one_request_in_its_answer_the_log_and_a_trace(server, collector):
    answer = ask(server, 1, {"inputs": ["a", "b"]})
    own = answer.headers["x-request-id"]
    assert answer.headers["x-correlation-id"] == "seen-1"
    line = wait_for(lambda: logged(server).get(own), "the line")
    assert (line["correlation_id"], line["model"], line["task"], line["texts"]) == ("seen-1", "bert", "embedding", 2)
    assert (line["tokens"], line["status"]) == (int(answer.headers["x-tokens"]), 200)
    assert f"{line['stages_ms']['forward']:.3f}" == answer.headers["x-forward-time"]

    def spans():
        return [span for span in collector.spans if f"{span.trace}-{span.parent}" == f"{SPAN}0001"]

    (span,) = wait_for(spans, "the span")
    assert span.attributes["http.response.header.x-request-id"] == [own]
    assert span.attributes["bert.tokens"] == line["tokens"]
    assert abs(span.end - span.begin - line["total_ms"] * 1e6) < 1e5
    assert span.resource["process.pid"] == line["worker"]
    assert len([each for each in collector.spans if each.parent == span.id]) == 5


def test_what_nobody_waits_for_any_more_is_left_undone(server):
    body = {"inputs": [f"{number} " + "word " * 250 for number in range(16)]}
    late = ask(server, 3, body, **{"x-request-timeout-ms": "1"})
    assert (late.status_code, late.json()["error_type"]) == (504, "timed_out")
    line = wait_for(lambda: logged(server).get(late.headers["x-request-id"]), "the line")
    assert line["status"] == 504
    assert ask(server, 4, {"inputs": "a"}, **{"x-request-timeout-ms": "60000"}).status_code == 200


def test_slow_and_failed_requests_outlive_their_worker(cli):
    cli("start", "bert", "--workers", "1")
    ask(cli, 1, {"inputs": "a"})
    slow = ask(cli, 2, {"inputs": [f"{number} " + "word " * 250 for number in range(8)]})
    failed = ask(cli, 3, {"inputs": ""}, **{"x-request-start": "t=1"})

    def found():
        shown = json.loads(cli("slow", "--json", "-n", "1").stdout)
        ids = {kind: [record["request_id"] for record in records] for kind, records in shown.items()}
        return ids == {"slowest": [slow.headers["x-request-id"]], "failed": [failed.headers["x-request-id"]]}

    wait_for(found, "both requests")
    (worker,) = cli.status()[0]["models"][0]["workers"]
    os.kill(worker["pid"], signal.SIGKILL)
    wait_for(lambda: not psutil.pid_exists(worker["pid"]), "its end")
    assert found()
    shown = cli("slow").stdout
    assert "seen-2" in shown
    assert "422 invalid" in shown
    folder = cli.runs / str(cli.port)
    cli("stop")
    assert not (folder / "requests").exists()
    assert not (folder / "logs" / "requests.log").exists()  # which nobody asked for
