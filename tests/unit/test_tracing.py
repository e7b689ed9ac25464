"""Traces: what a collector gets, and that one which is dead, or packages which are missing, cost nothing."""

import logging
import socket
from time import perf_counter

import pytest
from msgspec.structs import replace

from handler import otel
from handler.observability import begin, spans, tracing
from handler.observability.recorder import Recorder
from scripts.server import preflight
from tests.collector import collecting
from tests.unit.test_notable import record
from tests.unit.test_recorder import row

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAMPLED, UNSAMPLED = (f"00-{TRACE}-{PARENT}-{flags}" for flags in ("01", "00"))


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    """No variables of whoever runs the tests, and the SDK's logger as it was."""
    for name in [name for name in tracing.os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)
    logger = logging.getLogger("opentelemetry")
    before = (list(logger.handlers), logger.propagate)
    yield
    logger.handlers[:], logger.propagate = before


@pytest.fixture
def traced(make_pipeline, monkeypatch):
    """Spans of requests that run in one batch, by name."""

    def traced(*rows, **variables):
        with collecting() as collector:
            for name, value in ({ENDPOINT: collector.url} | variables).items():
                monkeypatch.setenv(name, value)
            pipeline = make_pipeline()
            pipeline.recorder = Recorder("bert", "1.0", [tracing.begin()])
            pipeline.answer(rows)
            pipeline.recorder.close()
        return collector.spans

    return traced


def test_a_request_is_a_child_of_its_clients_span_and_its_stages_are_its_children(traced):
    given = {"content_length": "9", "traceparent": SAMPLED, "x_request_id": "mine"}
    found = traced(row({"input": "b"}, "v1/embeddings", **given))
    request = next(span for span in found if span.parent == PARENT)
    assert (request.name, request.kind) == ("HTTP /predictions/{model}/{version}/v1/embeddings", "SPAN_KIND_SERVER")
    assert {span.trace for span in found} == {TRACE}
    stages = [span for span in found if span.parent == request.id]
    assert [span.name for span in stages] == ["decode", "tokenize", "forward", "postprocess", "encode"]
    assert [span.end for span in stages[:-1]] == [span.begin for span in stages[1:]]
    assert request.begin == stages[0].begin < stages[-1].end <= request.end
    assert request.status == "STATUS_CODE_UNSET"
    assert request.resource["service.name"] == "bert-on-torchserve"
    assert request.resource["process.pid"] == tracing.os.getpid()
    assert request.attributes == {
        "http.request.method": "_OTHER",
        "http.route": "/predictions/{model}/{version}/v1/embeddings",
        "url.path": "/predictions/bert/1.0/v1/embeddings",
        "url.scheme": "http",
        "http.response.status_code": 200,
        "http.request.header.x-correlation-id": ["mine"],
        "bert.model": "bert",
        "bert.model_version": "1.0",
        "bert.task": "embedding",
        "bert.texts": 1,
        "bert.tokens": 3,
        "bert.truncated": 0,
        "bert.batch_requests": 1,
    }


def requests_of(found):
    return [span for span in found if span.kind == "SPAN_KIND_SERVER"]


def test_a_fault_of_ours_is_an_error_and_one_of_a_client_is_not(traced, echo):
    echo.run = None
    found = traced(row({"inputs": "b"}, content_length="9"), row({"inputs": ""}, content_length="9"))
    theirs, ours = sorted(requests_of(found), key=lambda span: span.status, reverse=True)
    assert ours.trace != theirs.trace
    assert (theirs.status, theirs.attributes["http.response.status_code"]) == ("STATUS_CODE_UNSET", 422)
    assert (ours.status, ours.attributes["http.response.status_code"]) == ("STATUS_CODE_ERROR", 500)
    assert (ours.attributes["error.type"], ours.attributes["bert.error_type"]) == ("internal", "internal")
    assert (theirs.attributes.get("error.type"), theirs.attributes["bert.error_type"]) == (None, "invalid")


def test_the_sdks_own_variables_count(traced):
    named = {"OTEL_SERVICE_NAME": "mine", "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test"}
    unsampled = row({"inputs": "b"}, traceparent=UNSAMPLED)
    found = traced(unsampled, row({"inputs": "c"}), **named)
    assert len(requests_of(found)) == 1  # the client's sampling decides over its own
    assert {span.trace for span in found} != {TRACE}
    assert (found[0].resource["service.name"], found[0].resource["deployment.environment.name"]) == ("mine", "test")
    assert traced(row({"inputs": "b"}), OTEL_TRACES_SAMPLER="always_off") == []


def test_a_dead_collector_costs_neither_a_request_nor_the_end_of_the_worker(make_pipeline, monkeypatch, capsys):
    monkeypatch.setattr(tracing, "CLOSING_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections and never answers
        monkeypatch.setenv(ENDPOINT, f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "6")
        pipeline = make_pipeline()
        pipeline.recorder = Recorder("bert", "1.0", [tracing.begin()])
        start = perf_counter()
        for _ in range(20):
            assert pipeline.answer([row({"inputs": "b"})])[0].status == 200
            pipeline.recorder.flush()
        assert perf_counter() - start < 5.5  # less than the first try alone would take
        start = perf_counter()
        pipeline.recorder.close()
        assert perf_counter() - start < 5.5
        pipeline.recorder.outputs[0].closer.join()
    assert len(capsys.readouterr().out.splitlines()) <= 1


def test_the_sdk_writes_a_line_now_and_then_and_no_header(monkeypatch, capsys):
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "zeppelin;key")  # of a form that it quotes
    traces = tracing.begin()
    for number in range(9):
        logging.getLogger("opentelemetry.sdk").error("line %d", number)
    traces.close()
    assert capsys.readouterr().out.splitlines() == ["line 0"]


@pytest.mark.parametrize(
    ("variables", "wanted", "words"),
    [
        ({}, False, ""),
        ({ENDPOINT: ""}, False, ""),
        ({ENDPOINT: "http://h:4318"}, True, ""),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://h:4318/v1/traces"}, True, ""),
        ({ENDPOINT: "http://h:4318", "OTEL_SDK_DISABLED": "TRUE"}, False, ""),
        ({ENDPOINT: "http://h:4318", "OTEL_TRACES_EXPORTER": "none"}, False, ""),
        ({ENDPOINT: "http://h:4318", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, True, ""),
        (
            {ENDPOINT: "http://h:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            True,
            "OTEL_EXPORTER_OTLP_PROTOCOL is grpc",
        ),
    ],
)
def test_what_asks_for_traces(variables, wanted, words):
    assert otel.wanted(variables) == wanted
    assert words in otel.obstacle(variables)
    assert bool(words) == bool(otel.obstacle(variables))


def test_missing_packages_are_said_and_the_server_goes_on(monkeypatch, caplog, capsys, tmp_path, make_pipeline):
    monkeypatch.setattr(otel, "PACKAGES", ("opentelemetry.nothing",))
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:9")
    model = make_pipeline().tasks["embedding"].model
    assert begin(model, None).outputs == ()
    assert "OpenTelemetry is not installed; scripts/setup otel" in caplog.text
    (tmp_path / "empty").mkdir()
    with pytest.raises(preflight.Failure, match="no archives"):
        preflight.check(preflight.Options(tmp_path / "empty", inference_port=27999))
    assert "scripts/setup otel" in capsys.readouterr().err


def test_settings_that_the_sdk_refuses_are_said(monkeypatch, caplog):
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "-1")
    assert tracing.begin() is None
    assert "requests are not traced: ValueError" in caplog.text


def test_a_request_by_grpc_has_no_address():
    by_grpc = replace(record(1, 2.0), transport="grpc")
    assert spans.name(by_grpc) == "grpc"
    assert not [key for key in spans.attributes(by_grpc) if key.startswith(("http.", "url."))]
