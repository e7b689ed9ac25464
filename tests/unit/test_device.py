"""States that stay on a device: what is read off them there, and how often anything crosses to the host."""

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from handler import device, head
from handler.device import DeviceOutput
from handler.errors import BertError, Invalid
from handler.poolings import POOLINGS
from handler.runtimes import attention, cuda, graphs, packed
from handler.runtimes.base import WEIGHTS, Placement
from handler.runtimes.eager import Eager
from handler.runtimes.packed import Packed
from handler.types import Output
from scripts.packing import engines, heads
from scripts.sources import checkpoint as checkpoints
from tests.conftest import encoding

TEXTS = [encoding(2, 5, 3), encoding(2, 3), encoding(2, 7, 8, 9, 10, 3), encoding(2, 5, 6, 3)]
CPU = Placement("cpu", "float32")


def resident(runtime):
    """The runtime as on a GPU, with the CPU in its place."""
    runtime.outputs_on_device = True
    return runtime


@pytest.fixture
def outputs(packed_tiny):
    there = resident(Packed(packed_tiny, CPU)).run(TEXTS)
    here = Packed(packed_tiny, CPU).run(TEXTS)
    assert [type(each) for each in (there[0], here[0])] == [DeviceOutput, Output]
    return there, here


@pytest.mark.parametrize("pooling", POOLINGS)
def test_each_pooling_is_the_same_on_the_device(outputs, pooling):
    there, here = (POOLINGS[pooling].of(some) for some in outputs)
    assert there.shape == (4, 32)
    assert there.dtype == here.dtype == np.float32
    assert np.abs(there - here).max() < 1e-6


def test_an_output_looks_like_one_on_the_host(outputs):
    for there, here in zip(*outputs, strict=True):
        assert len(there) == len(here)
        assert (there.hidden == here.hidden).all()
        assert (there.pooled == here.pooled).all()
        assert (device.tensor(there).numpy() == here.hidden).all()


def test_a_part_of_a_batch_is_read_by_itself(outputs):
    there, here = outputs
    assert np.abs(POOLINGS["mean"].of(there[1:3]) - POOLINGS["mean"].of(here[1:3])).max() < 1e-6
    assert (device.HIDDEN.of(there[2:]) == device.HIDDEN.of(here[2:])).all()


def test_eager_leaves_its_states_without_padding(tiny):
    runtime = Eager(tiny, CPU)
    here, there = runtime.run(TEXTS), resident(runtime).run(TEXTS)
    assert type(there[0]) is DeviceOutput
    for ours, theirs in zip(there, here, strict=True):
        assert np.abs(ours.hidden - theirs.hidden).max() < 1e-6
        assert np.abs(ours.pooled - theirs.pooled).max() < 1e-6
    assert np.abs(POOLINGS["mean"].of(there) - POOLINGS["mean"].of(here)).max() < 1e-6


def test_states_go_when_nobody_needs_them(outputs):
    there, here = outputs
    for output in there[:-1]:
        output.keep_for(POOLINGS["mean"])
    assert hasattr(there[0].states, "hidden")
    there[-1].keep_for(POOLINGS["cls"])
    assert not hasattr(there[0].states, "hidden")
    assert (POOLINGS["cls"].of(there[-1:]) == POOLINGS["cls"].of(here[-1:])).all()
    assert np.abs(POOLINGS["mean"].of(there[:-1]) - POOLINGS["mean"].of(here[:-1])).max() < 1e-6


def test_states_stay_for_who_needs_them(outputs):
    there, _ = outputs
    for output, reading in zip(there, [None, *[POOLINGS["max"]] * 3], strict=True):
        output.keep_for(reading)
    assert device.tensor(there[0]).shape == (3, 32)


def test_a_missing_pooler_is_the_request_s_own_fault(tiny_distilbert, tmp_path):
    engines.write(checkpoints.read(tiny_distilbert), tmp_path, "packed", "float32")
    output = resident(Packed(tmp_path, CPU)).run(TEXTS[:1])[0]
    output.keep_for(POOLINGS["pooler"])  # nothing fails for the batch
    with pytest.raises(Invalid, match="no pooler"):
        POOLINGS["pooler"].of([output])


def test_a_head_s_scores_are_the_same_on_the_device(tmp_path, minilm):
    from transformers import AutoTokenizer

    from tests import heads as made

    tokenizer = AutoTokenizer.from_pretrained(minilm)
    for name, reading in (("ForSequenceClassification", "sequence_scores"), ("ForTokenClassification", "token_scores")):
        saved = checkpoints.read(made.save(tmp_path / name, "Bert", name, tokenizer, **made.labels(["a", "b", "c"])))
        folder = tmp_path / f"{name}-archive"
        folder.mkdir()
        engines.write(saved, folder, "packed", "float32")
        heads.write(saved, folder, "packed", saved.task)
        scores = getattr(head.Head(folder, "cpu"), reading)
        there, here = resident(Packed(folder, CPU)).run(TEXTS), Packed(folder, CPU).run(TEXTS)
        assert np.abs(scores.of(there) - scores.of(here)).max() < 1e-5


class Crossings(TorchDispatchMode):
    """Notes what goes from one device to the other, and what makes the host wait for the device."""

    def __init__(self):
        super().__init__()
        self.noted = []

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        result = operation(*args, **(kwargs or {}))
        name = operation.overloadpacket.__name__
        if name in ("_local_scalar_dense", "nonzero", "masked_select", "is_nonzero", "equal"):
            self.noted.append(f"waits: {name}")
        if name in ("to", "_to_copy", "copy_") and isinstance(result, torch.Tensor):
            source = args[1] if name == "copy_" else args[0]
            if source.device.type != result.device.type:
                self.noted.append(f"{source.device.type} to {result.device.type}")
        return result


class Fetched:
    """In the place of `HostCopy`: a tensor without data cannot be looked at."""

    def __init__(self, numbers):
        numbers.float().cpu()
        self.array = np.zeros(numbers.shape, dtype=np.float32)


class Stored:
    """In the place of `safe_open`, which maps files; a tensor without data cannot be made of a mapping."""

    def __init__(self, file, framework):
        self.tensors = load_file(file)
        with safe_open(file, framework) as opened:
            self.about = opened.metadata()
        self.keys, self.get_tensor, self.metadata = self.tensors.keys, self.tensors.get, lambda: self.about

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


@pytest.fixture
def gpu(monkeypatch, packed_tiny):
    """Tensors that have a CUDA device, shapes and dtypes, and no data: torch checks everything else about them."""
    stored = Stored(packed_tiny / WEIGHTS, "pt")
    monkeypatch.setattr(packed, "safe_open", lambda file, framework: stored)
    monkeypatch.setattr(device, "HostCopy", Fetched)
    indices = np.empty(1000, dtype=np.int32)
    monkeypatch.setattr(
        device, "pinned_buffer", lambda count, _: (torch.empty(count, dtype=torch.int32), indices[:count])
    )
    monkeypatch.setattr(device.Queue, "follow", lambda self: None)
    monkeypatch.setattr(cuda, "capability", lambda _: (9, 0))
    monkeypatch.setattr(cuda, "configure_torch", lambda _: None)
    monkeypatch.setattr(graphs, "make", lambda *_: None)
    with FakeTensorMode(allow_non_fake_inputs=True):
        yield "cuda:0"


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_batch_crosses_once_in_each_direction(packed_tiny, gpu, dtype, pooling):
    runtime = Packed(packed_tiny, Placement(gpu, dtype))
    assert runtime.attention is (attention.Blocked if dtype == "float32" else attention.Varlen)
    with Crossings() as crossings:
        outputs = runtime.run(TEXTS)
        for output in outputs:
            output.keep_for(POOLINGS[pooling])
        assert POOLINGS[pooling].of(outputs).shape == (4, 32)
    assert crossings.noted == ["cpu to cuda", "cuda to cpu"]


def test_what_is_counted_can_be_more(packed_tiny, gpu):
    runtime = Packed(packed_tiny, Placement(gpu, "bfloat16"))
    with Crossings() as crossings:
        (output,) = runtime.run(TEXTS[:1])
        assert POOLINGS["mean"].of([output]).shape == (1, 32)
        assert output.hidden.shape == (3, 32)
    assert crossings.noted == ["cpu to cuda", "cuda to cpu", "cuda to cpu"]


@pytest.mark.parametrize(
    ("dtype", "size", "capability", "flash"),
    [
        (torch.bfloat16, 64, (8, 0), True),
        (torch.float16, 32, (12, 0), True),
        (torch.float16, 64, (7, 5), False),
        (torch.float32, 64, (9, 0), False),
        (torch.bfloat16, 257, (9, 0), False),
        (torch.bfloat16, 12, (9, 0), False),
    ],
)
def test_flash_attention_is_for_what_it_takes(monkeypatch, dtype, size, capability, flash):
    monkeypatch.setattr(cuda, "capability", lambda _: capability)
    assert cuda.supports_flash_attention(torch.device("cuda:0"), dtype, size) is flash
    assert not cuda.supports_flash_attention(torch.device("cpu"), dtype, size)


@pytest.mark.parametrize(
    ("capability", "dtypes"),
    [((9, 0), ("float16", "bfloat16")), ((7, 5), ("float16", "float32")), ((6, 1), ("float32",))],
)
def test_dtypes_that_a_card_is_fast_in(monkeypatch, capability, dtypes):
    monkeypatch.setattr(cuda, "capability", lambda _: capability)
    assert cuda.dtypes("cuda:0") == dtypes


def test_what_overflows_is_an_error_and_its_neighbours_are_not(outputs):
    there, _ = outputs
    states = there[0].states
    states.hidden = states.hidden.clone()
    states.hidden[4] = torch.inf  # of the second text
    assert np.isinf(there[1].hidden).any()
    states.limited = True
    with pytest.raises(BertError, match="overflows float16"):
        POOLINGS["max"].of(there[1:2])
    assert np.isfinite(POOLINGS["max"].of([there[0], *there[2:]])).all()
