"""Benchmarks on tiny inputs: that they measure what they say, not how fast it is."""

import pytest

from benchmarks import account, gpu
from benchmarks.workload import Shape

METRICS = """# TYPE bert_stage_seconds counter
bert_stage_seconds{ModelName="bert",stage="forward",Hostname="h",} 2.0
bert_stage_seconds{ModelName="other",stage="forward",Hostname="h",} 1.0
bert_stage_seconds{ModelName="bert",stage="idle",Hostname="h",} 4.0E-1
bert_requests{ModelName="bert",Hostname="h",} 40.0
bert_texts{ModelName="bert",Hostname="h",} 100.0
bert_batches{ModelName="bert",Hostname="h",} 10.0
jvm_threads 12
"""


class Response:
    text = METRICS


def test_counters_are_summed_and_divided_by_texts(monkeypatch):
    monkeypatch.setattr(account.requests, "get", lambda url, timeout: Response())
    counters = account.read("http://nowhere/metrics")
    assert counters["forward"] == pytest.approx(3.0)
    found = account.per_text({"forward": 1.0}, counters, 25.0, alone=True)
    assert (found["batch"], found["forward"], found["idle"], found["decode"]) == (4.0, 20.0, 4.0, 0.0)
    assert found["outside"] == 5.0


def test_counters_that_never_come_are_an_error(monkeypatch):
    monkeypatch.setattr(account.requests, "get", lambda url, timeout: Response())
    monkeypatch.setattr(account, "LATE_SECONDS", 0)
    with pytest.raises(TimeoutError, match="does not count the 41 requests"):
        account.await_requests("http://nowhere/metrics", {}, 41)
    assert account.await_requests("http://nowhere/metrics", {}, 40)["bert_requests"] == 40


def test_the_gpu_benchmark_runs_whole_on_a_cpu(monkeypatch):
    monkeypatch.setattr(gpu, "ROUNDS", 1)
    monkeypatch.setattr(gpu, "LENGTHS", {"16": 16, "mixed": None})
    result = gpu.measure("cpu", "float32", {"tiny": Shape(1, 128, 64)}, tokens=200, square=32)
    assert len(result["rows"]) == 2 * 3
    assert all(row["tokens_per_second"] > 0 and row["useful_tflops"] >= 0 for row in result["rows"])
    measured = result["difference_to_float32_on_cpu"]["tiny"]
    assert measured["hidden"] < 1e-5
    assert measured["sequences"] > 10
