"""Benchmarks on tiny inputs: that they measure what they say, not how fast it is."""

import gc
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import process_time, sleep
from types import SimpleNamespace

import numpy as np
import orjson
import pytest
import typer

from benchmarks import compare, precisions
from handler import kernels
from scripts.load import ceiling, machine, pauses, report, served, stage_times
from scripts.load import loops as load
from scripts.load.ceiling import PeakGemm
from scripts.load.workload import ModelShape, Workload
from scripts.server import processor
from scripts.verbs import bench

METRICS = """# TYPE bert_stage_seconds counter
bert_stage_seconds{ModelName="bert",stage="forward",Hostname="h",} 2.0
bert_stage_seconds{ModelName="other",stage="forward",Hostname="h",} 1.0
bert_stage_seconds{ModelName="bert",stage="idle",Hostname="h",} 4.0E-1
bert_batch_stage_seconds_bucket{ModelName="bert",stage="forward",le="0.5",Hostname="h",} 9.0
bert_batch_stage_seconds_sum{ModelName="bert",stage="forward",Hostname="h",} 3.0
bert_requests{ModelName="bert",Hostname="h",} 40.0
bert_texts{ModelName="bert",Hostname="h",} 100.0
bert_batches{ModelName="bert",Hostname="h",} 10.0
jvm_threads 12
"""


class Response:
    text = METRICS


@pytest.mark.parametrize("loop", [load.closed_loop, load.open_loop])
def test_a_load_is_not_stopped_by_a_look_at_all_objects(monkeypatch, loop):
    frozen = []

    async def send(*_):
        frozen.append(gc.get_freeze_count())

    monkeypatch.setattr(load, "send", send)
    loop([load.Request("http://127.0.0.1:1/", b"")], 1)
    assert frozen[0] > 10_000
    assert gc.get_freeze_count() == 0
    with suppress(ValueError), pauses.none_for_what_is_there():
        raise ValueError
    assert gc.get_freeze_count() == 0


def test_counters_are_summed_and_divided_by_texts(monkeypatch):
    monkeypatch.setattr(stage_times.local, "request", lambda method, url, timeout: Response())
    counters = stage_times.read("http://nowhere/metrics")
    assert counters["forward"] == pytest.approx(3.0)
    found = stage_times.per_text({"forward": 1.0}, counters, 25.0, alone=True)
    assert (found["batch"], found["forward"], found["idle"], found["decode"]) == (4.0, 20.0, 4.0, 0.0)
    assert found["outside"] == 5.0


def test_counters_that_never_come_are_an_error(monkeypatch):
    monkeypatch.setattr(stage_times.local, "request", lambda method, url, timeout: Response())
    monkeypatch.setattr(stage_times, "LATE_SECONDS", 0)
    with pytest.raises(TimeoutError, match="does not count the 41 requests"):
        stage_times.await_requests("http://nowhere/metrics", {}, 41)
    assert stage_times.await_requests("http://nowhere/metrics", {}, 40)["bert_requests"] == 40


@pytest.mark.parametrize("library", ceiling.LIBRARIES)
def test_each_library_of_the_ceiling_multiplies(library):
    matrices = ceiling.operands(ModelShape(1, 32, 64))
    for _, _, result in matrices:
        result.fill(np.nan)
    ceiling.LIBRARIES[library](matrices)()
    for left, right, result in matrices:
        np.testing.assert_allclose(result, left.astype(float) @ right, atol=1e-4)


def test_the_ceiling_is_the_fastest_library_s(monkeypatch, tmp_path):
    monkeypatch.setattr(ceiling, "REST_SECONDS", 0)
    top = PeakGemm(ModelShape(1, 32, 64))
    assert top.flops == 2 * 1024 * (4 * 32 * 32 + 2 * 32 * 64)
    assert top.measure() > 0
    assert (set(top.won) <= set(ceiling.LIBRARIES), top.won.total()) == (True, 1)
    top.won.clear()
    top.passes = {"slow": lambda: sleep(0.1), "fast": lambda: sleep(0.001)}
    assert top.flops / 0.1 < top.measure() <= top.flops / 0.001
    report.save({"sgemm_libraries": top.won}, tmp_path / "result.json")
    assert orjson.loads((tmp_path / "result.json").read_bytes()) == {"sgemm_libraries": {"fast": 1}}


@pytest.mark.parametrize(
    ("seconds", "whole", "expected"),
    [(0, True, "abc"), (2, True, "abc"), (4, True, "abcabc"), (4, False, "abca"), (2, False, "ab")],
)
def test_items_repeat_for_a_time_and_whole_where_that_is_asked(monkeypatch, seconds, whole, expected):
    now = SimpleNamespace(seconds=0.0)
    monkeypatch.setattr(load, "perf_counter", lambda: now.seconds)
    got = ""
    for item in load.repeated("abc", seconds, whole):
        got += item
        now.seconds += 1
    assert got == expected


class Answering(BaseHTTPRequestHandler):
    """Answers each text but `bad`, and remembers all."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        text = orjson.loads(self.rfile.read(int(self.headers["content-length"])))["inputs"]
        self.server.texts.extend(text)
        self.send_response(400 if text == ["bad"] else 200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    server.texts = []
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_closed_loop_measures_whole_workloads_after_a_warm_up(monkeypatch, server):
    awaited = []
    monkeypatch.setattr(stage_times, "read", lambda url: {})
    monkeypatch.setattr(stage_times, "await_requests", lambda url, before, count: awaited.append(count))
    monkeypatch.setattr(stage_times, "per_text", lambda *_: {})
    made = Workload("few", ["a", "b", "c", "bad"], [3, 4, 5, 100])
    target = served.Target(f"http://127.0.0.1:{server.server_port}/", {}, metrics="somewhere")
    row = served.closed(target, made, 1, 2, ModelShape(1, 2, 4), 0.05, 0.1)
    warm_up, measured = awaited
    cycles = measured // 3  # what is refused is not awaited
    assert (row["requests"], row["errors"]) == (3 * cycles, {"400": cycles})
    assert warm_up >= 1
    assert cycles >= 1
    assert row["seconds"] >= 0.1
    assert row["client_cpu_seconds"] > 0
    counts = [server.texts[-4 * cycles :].count(text) for text in made.texts]
    assert counts == [cycles] * 4
    assert len(server.texts) - 4 * cycles >= warm_up


def test_clients_pause_and_what_the_collector_takes_is_not_theirs(monkeypatch, server):
    def collect():
        end = process_time() + 0.5
        while process_time() < end:
            pass

    monkeypatch.setattr(pauses.gc, "collect", collect)
    request = load.Request(f"http://127.0.0.1:{server.server_port}/", b'{"inputs": []}')
    outcome = load.closed_loop([request] * 5, 1, pause=0.02)
    assert outcome.seconds >= 5 * 0.02
    assert sum(outcome.latencies) <= outcome.seconds - 5 * 0.02
    assert 0 < outcome.cpu_seconds < 0.5


def test_an_open_loop_says_how_late_it_sent(server):
    outcome = load.open_loop([load.Request(f"http://127.0.0.1:{server.server_port}/", b'{"inputs": []}')] * 50, 1000)
    assert (len(outcome.latencies), len(outcome.late)) == (50, 50)
    assert min(outcome.late) >= 0
    assert np.mean(outcome.late) < np.mean(outcome.latencies)


def test_texts_and_tokens_of_all_cycles_are_counted():
    made = Workload("two", ["a", "b"], [3, 5])
    shape = ModelShape(1, 2, 4)
    row = served.summary(load.Outcome(seconds=2.0, latencies=[0.1] * 6, texts=6), made, shape)
    assert (row["texts_per_second"], row["tokens_per_second"]) == (3.0, 12.0)
    assert row["useful_gflops"] == round(3 * shape.flops([3, 5]) / 2 / 1e9, 2)


def test_the_engine_in_process_is_warmed_and_runs_whole_workloads(monkeypatch):
    monkeypatch.setattr(served, "WARM_UP_SECONDS", 4)
    monkeypatch.setattr(served, "MEASURED_SECONDS", 5)
    now, sizes = SimpleNamespace(seconds=0.0), []
    monkeypatch.setattr(load, "perf_counter", lambda: now.seconds)
    monkeypatch.setattr(compare, "monotonic", lambda: now.seconds)
    monkeypatch.setattr(compare, "convert", lambda encoding: encoding)

    def run(encodings):
        sizes.append(len(encodings))
        now.seconds += 1

    row = compare.in_process(run, Workload("many", ["a"] * 80, [3] * 80), SimpleNamespace(encode_batch_fast=list))
    assert sizes == [32, 32, 16, 32, *[32, 32, 16] * 2]
    assert row["texts_per_second"] == round(160 / 6, 2)


def x86(vendor, family, flags):
    return "\n\n".join(
        f"processor\t: {core}\nvendor_id\t: {vendor}\ncpu family\t: {family}\nmodel\t\t: 143\n"
        f"model name\t: An EPYC: one\nflags\t\t: {flags}\npower management:"
        for core in (0, 1)
    )


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (x86("AuthenticAMD", 25, "fpu avx2"), "zen3"),
        (x86("AuthenticAMD", 25, "fpu avx2 avx512f avx512_vnni"), "zen4"),
        (x86("AuthenticAMD", 26, "fpu avx2 avx512f avx512_vnni"), "zen5"),
        (x86("AuthenticAMD", 23, "fpu avx2"), "authenticamd-23-143"),
        (x86("GenuineIntel", 6, "fpu avx2 avx512f"), "sapphirerapids"),
        (x86("GenuineIntel", 5, "fpu"), "genuineintel-5-143"),
        ("processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd40\n", "0x41-0xd40"),
        (None, "sparc"),
    ],
)
def test_results_of_each_kind_of_cpu_have_a_folder(monkeypatch, tmp_path, content, kind):
    file = tmp_path / "cpuinfo"
    if content is not None:
        file.write_text(content)
    monkeypatch.setattr(processor, "CPUINFO", file)
    monkeypatch.setattr(processor.platform, "machine", lambda: "sparc")
    monkeypatch.setattr(processor.platform, "processor", lambda: "")
    assert processor.kind() == kind
    assert processor.name() == ("An EPYC: one" if "model name" in (content or "") else "")
    monkeypatch.setattr(processor, "instructions", lambda: "avx512_vnni")
    assert machine.results().name == f"{kind}-avx512-vnni"
    monkeypatch.setattr(processor, "instructions", lambda: "")
    assert machine.results().name == kind


@pytest.mark.skipif(kernels.detect_isa() is None, reason="this CPU has no kernels")
def test_a_precision_is_held_against_float32_and_the_peak_of_its_own_instruction(monkeypatch):
    monkeypatch.setattr(precisions, "STEPS", 100_000)
    peaks = precisions.peaks()
    assert peaks["int8"]() > peaks["float32"]() > 1e9

    def busy(milliseconds):
        def run(_):
            end = precisions.process_time() + milliseconds / 1000
            while precisions.process_time() < end:
                pass

        return run

    engines = {"float32": busy(20), "int8": busy(10)}
    row = precisions.cell([range(512)], 1e6, engines, {"int8": lambda: 2e8})
    assert row["int8"] == pytest.approx(2, rel=0.1)
    assert row["int8, share"] == pytest.approx(0.5, rel=0.1)
    assert row["int8, peak GFLOP/s"] == 0


@pytest.mark.parametrize(("text", "kind", "found"), [("1,32", int, [1, 32]), ("0.5", float, [0.5])])
def test_numbers_between_commas(text, kind, found):
    assert bench.numbers(text, "--rate", kind) == found


@pytest.mark.parametrize(
    ("text", "kind"),
    [("x", int), ("1,", int), ("0", int), ("-1", int), ("1.5", int), ("abc", float), ("0", float), ("inf", float)],
)
def test_other_numbers_are_refused_before_anything_is_measured(text, kind):
    with pytest.raises(typer.BadParameter, match=f"--rate {text} is not"):
        bench.numbers(text, "--rate", kind)
