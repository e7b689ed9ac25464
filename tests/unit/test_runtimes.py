"""Which engine runs where, and what the `onnx` one leaves beside its graph."""

import pytest

from handler import kernels, runtimes
from handler.errors import ConfigError
from handler.runtimes.base import GRAPH, WEIGHTS, Placement
from handler.runtimes.onnx import READY, Onnx
from scripts.console import Failure
from scripts.packing import engines
from scripts.sources import checkpoint as checkpoints
from tests.conftest import encoding

CPU = Placement("cpu", "float32")


@pytest.mark.parametrize(("device", "name"), [("cpu", "native"), ("cuda:1", "packed")])
def test_auto_is_the_fastest_of_the_device(device, name):
    assert runtimes.pick("auto", Placement(device, "float32")).name == name


@pytest.mark.parametrize(
    ("name", "device", "dtype", "words"),
    [
        ("onyx", "cpu", "float32", "did you mean 'onnx'"),
        ("onnx", "cuda:0", "float32", "runs on cpu; this worker was given cuda"),
        ("auto", "cpu", "float16", "there is no GPU; runtime native on cpu computes in float32, int8, bfloat16"),
        ("packed", "cuda:0", "int8", "computes in float32, float16, bfloat16"),
    ],
)
def test_what_cannot_be(name, device, dtype, words):
    with pytest.raises(ConfigError, match=words):
        runtimes.pick(name, Placement(device, dtype))


@pytest.mark.parametrize(("capabilities", "able"), [({"avx512_bf16": True}, True), ({"bf16": False}, False)])
def test_bfloat16_on_a_cpu_takes_instructions_for_it(monkeypatch, capabilities, able):
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: capabilities)
    placement = Placement("cpu", "bfloat16")
    if able:
        assert runtimes.pick("packed", placement).name == "packed"
    else:
        with pytest.raises(ConfigError, match="this CPU has no instructions for it"):
            runtimes.pick("packed", placement)


AVX512_BF16 = dict.fromkeys(kernels.ISA_LEVELS["avx512_bf16"], True)


@pytest.mark.parametrize(
    ("capabilities", "limit", "chosen"),
    [
        (AVX512_BF16, "", "native"),
        (AVX512_BF16, "AVX512_CORE_BF16", "native"),
        (AVX512_BF16 | {"amx_bf16": True}, "", "packed"),
        (AVX512_BF16 | {"amx_bf16": True}, "AVX512_CORE_BF16", "native"),
        ({"neon": True, "bf16": True}, "", "packed"),
    ],
    ids=["avx512_bf16", "kept to it", "amx", "kept from amx", "arm"],
)
def test_auto_in_bfloat16_is_what_multiplies_fastest(monkeypatch, capabilities, limit, chosen):
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: capabilities)
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", limit)
    placement = Placement("cpu", "bfloat16")
    assert runtimes.pick("auto", placement).name == chosen
    if "neon" in capabilities:
        with pytest.raises(ConfigError, match=r"runtime native takes AVX512-BF16 .* pack for packed"):
            runtimes.pick("native", placement)
    else:
        assert runtimes.pick("native", placement).name == "native"


def test_torch_kept_from_bfloat16_is_not_asked_for_it(monkeypatch):
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: {"avx512_bf16": True})
    assert runtimes.cpu_supports_bfloat16()
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "avx2")
    assert not runtimes.cpu_supports_bfloat16()


@pytest.mark.parametrize(
    ("runtime", "dtype", "found"),
    [
        ("auto", "float32", "auto"),
        ("auto", "int8", "auto"),
        ("auto", "bfloat16", "auto"),
        ("packed", "float16", "packed"),
    ],
)
def test_what_is_packed(tiny, runtime, dtype, found):
    assert engines.resolve(checkpoints.read(tiny), runtime, dtype) == found


@pytest.mark.parametrize(("runtime", "dtype"), [("packed", "int8"), ("torchscript", "float16"), ("eager", "int8")])
def test_a_dtype_the_runtime_does_not_have_is_refused_when_packing(tiny, runtime, dtype):
    with pytest.raises(Failure, match=f"runtime {runtime} has no {dtype}"):
        engines.resolve(checkpoints.read(tiny), runtime, dtype)


@pytest.fixture
def graph(tiny, tmp_path):
    engines.write(checkpoints.read(tiny), tmp_path, "onnx", "float32")
    return tmp_path


def test_matrices_stay_in_one_file(graph):
    assert (graph / WEIGHTS).stat().st_size > 5 * 1024
    content = (graph / GRAPH).read_bytes()
    assert WEIGHTS.encode() in content


def test_the_second_worker_maps_what_the_first_one_wrote(graph):
    first = Onnx(graph, CPU)
    written = (graph / READY).stat().st_mtime_ns
    second = Onnx(graph, CPU)
    assert (graph / READY).stat().st_mtime_ns == written
    ours, theirs = (runtime.run([encoding(2, 5, 6, 3)])[0].hidden for runtime in (first, second))
    assert (ours == theirs).all()


def test_threads_are_rounded_to_powers_of_two(graph):
    runtime = Onnx(graph, CPU)
    for threads in (1, 2, 3, 4, 7):
        runtime.use_threads(threads)
    assert {1, 2, 4} <= set(runtime.sessions)
    assert not {3, 5, 6, 7} & set(runtime.sessions)


def test_a_folder_that_takes_no_file_costs_memory_and_nothing_else(graph, caplog):
    (graph / f"{READY}.weights").mkdir()
    runtime = Onnx(graph, CPU)
    assert runtime.run([encoding(2, 5, 3)])[0].hidden.shape == (3, 32)
    assert "matrices are not shared" in caplog.text
    assert not (graph / READY).exists()
