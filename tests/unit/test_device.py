"""States that stay on a device: what is read off them there, and how often anything crosses to the host."""

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from handler import device, head
from handler.call import Output
from handler.device import DeviceOutput
from handler.errors import Invalid
from handler.poolings import POOLINGS
from handler.runtimes import attention, cuda, graphs, packed
from handler.runtimes.base import WEIGHTS, Placement
from handler.runtimes.eager import Eager
from handler.runtimes.packed import Packed
from scripts import checkpoint as checkpoints
from scripts import engines, heads
from tests.conftest import encoding

TEXTS = [encoding(2, 5, 3), encoding(2, 3), encoding(2, 7, 8, 9, 10, 3), encoding(2, 5, 6, 3)]
CPU = Placement("cpu", "float32")


@pytest.fixture(scope="module")
def checkpoint(tiny, tmp_path_factory):
    folder = tmp_path_factory.mktemp("packed")
    engines.write(checkpoints.read(tiny), folder, "packed", "float32")
    return folder


def resident(runtime):
    """The runtime as on a GPU, with the CPU in its place."""
    runtime.resident = True
    return runtime


@pytest.fixture
def outputs(checkpoint):
    there = resident(Packed(checkpoint, CPU)).run(TEXTS)
    here = Packed(checkpoint, CPU).run(TEXTS)
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
        output.settle(POOLINGS["mean"])
    assert hasattr(there[0].states, "hidden")
    there[-1].settle(POOLINGS["cls"])
    assert not hasattr(there[0].states, "hidden")
    assert (POOLINGS["cls"].of(there[-1:]) == POOLINGS["cls"].of(here[-1:])).all()
    assert np.abs(POOLINGS["mean"].of(there[:-1]) - POOLINGS["mean"].of(here[:-1])).max() < 1e-6


def test_states_stay_for_who_needs_them(outputs):
    there, _ = outputs
    for output, reading in zip(there, [None, *[POOLINGS["max"]] * 3], strict=True):
        output.settle(reading)
    assert device.tensor(there[0]).shape == (3, 32)


def test_a_missing_pooler_is_the_request_s_own_fault(tiny_distilbert, tmp_path):
    engines.write(checkpoints.read(tiny_distilbert), tmp_path, "packed", "float32")
    output = resident(Packed(tmp_path, CPU)).run(TEXTS[:1])[0]
    output.settle(POOLINGS["pooler"])  # nothing fails for the batch
    with pytest.raises(Invalid, match="no pooler"):
        POOLINGS["pooler"].of([output])


def test_a_head_s_scores_are_the_same_on_the_device(tmp_path, minilm):
    from transformers import AutoTokenizer

    from tests import heads as made

    tokenizer = AutoTokenizer.from_pretrained(minilm)
    for name, reading in (("ForSequenceClassification", "of_sequences"), ("ForTokenClassification", "of_tokens")):
        saved = checkpoints.read(made.save(tmp_path / name, "Bert", name, tokenizer, **made.labels(["a", "b", "c"])))
        folder = tmp_path / f"{name}-archive"
        folder.mkdir()
        engines.write(saved, folder, "packed", "float32")
        heads.write(saved, folder, True)
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
def gpu(monkeypatch, checkpoint):
    """Tensors that have a CUDA device, shapes and dtypes, and no data: torch checks everything else about them."""
    stored = Stored(checkpoint / WEIGHTS, "pt")
    monkeypatch.setattr(packed, "safe_open", lambda file, framework: stored)
    monkeypatch.setattr(device, "HostCopy", Fetched)
    indices = np.empty(1000, dtype=np.int32)
    monkeypatch.setattr(
        device, "page_locked", lambda count, _: (torch.empty(count, dtype=torch.int32), indices[:count])
    )
    monkeypatch.setattr(device.Queue, "follow", lambda self: None)
    monkeypatch.setattr(cuda, "capability", lambda _: (9, 0))
    monkeypatch.setattr(cuda, "prepare", lambda _: None)
    monkeypatch.setattr(graphs, "make", lambda *_: None)
    with FakeTensorMode(allow_non_fake_inputs=True):
        yield "cuda:0"


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_batch_crosses_once_in_each_direction(checkpoint, gpu, dtype, pooling):
    runtime = Packed(checkpoint, Placement(gpu, dtype))
    assert runtime.attention is (attention.Blocked if dtype == "float32" else attention.Varlen)
    with Crossings() as crossings:
        outputs = runtime.run(TEXTS)
        for output in outputs:
            output.settle(POOLINGS[pooling])
        assert POOLINGS[pooling].of(outputs).shape == (4, 32)
    assert crossings.noted == ["cpu to cuda", "cuda to cpu"]


def test_what_is_counted_can_be_more(checkpoint, gpu):
    runtime = Packed(checkpoint, Placement(gpu, "bfloat16"))
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
    assert cuda.flash(torch.device("cuda:0"), dtype, size) is flash
    assert not cuda.flash(torch.device("cpu"), dtype, size)


@pytest.mark.parametrize(("capability", "dtype"), [((9, 0), "bfloat16"), ((7, 5), "float16"), ((6, 1), "float32")])
def test_the_fastest_dtype_of_a_card(monkeypatch, capability, dtype):
    monkeypatch.setattr(cuda, "capability", lambda _: capability)
    assert cuda.half("cuda:0") == dtype


@pytest.mark.parametrize("lengths", [[1], [5, 5, 5], [1, 2, 3, 30, 31, 40, 400], [40, 2, 39, 3], [7] * 3 + [90] * 2])
def test_padded_blocks_attend_like_blocks_without_padding(lengths):
    torch.manual_seed(0)
    qkv = torch.randn(sum(lengths), 3, 4, 8)
    offsets = torch.tensor([0, *lengths]).cumsum(0, dtype=torch.int32)
    ours, theirs = (kind(lengths, offsets)(qkv) for kind in (attention.Blocked, attention.Grouped))
    assert (ours - theirs).abs().max() < 1e-5


def test_blocks_are_few_and_little_padded():
    lengths = sorted(np.random.default_rng(0).integers(3, 128, 500).tolist())
    blocks = list(attention.alike(lengths))
    assert sum(count for _, count, _ in blocks) == 500
    assert len(blocks) < 12
    assert sum(count * longest for _, count, longest in blocks) < 1.2 * sum(lengths)


class ByOffsets:
    """Attention that knows of a batch only what a graph does: offsets that are read when it runs."""

    def __init__(self, lengths, offsets):
        self.offsets = offsets

    def __call__(self, qkv):
        lengths = [length for length in self.offsets.diff().tolist() if length]
        return attention.Grouped(lengths, self.offsets)(qkv)


def test_a_graph_s_padding_and_its_empty_places_change_nothing(checkpoint, monkeypatch):
    monkeypatch.setattr(graphs, "TOKENS", (16, 32))
    plain, runtime = Packed(checkpoint, CPU), resident(Packed(checkpoint, CPU))
    runtime.attention = ByOffsets
    recorded = []
    runtime.graphs = graphs.Graphs(runtime.encode, runtime.device, lambda encode: recorded.append(encode) or encode)
    assert len(recorded) == 2
    batches = [TEXTS, TEXTS[:1], TEXTS[2:], [encoding(*[2] * 16)], [encoding(2, 3)] * 16]
    begun = [runtime.run(batch) for batch in batches]  # all before any is read, as the pipeline does
    for batch, outputs in zip(batches, begun, strict=True):
        for there, here in zip(outputs, plain.run(batch), strict=True):
            assert np.abs(there.hidden - here.hidden).max() < 1e-5
            assert np.abs(there.pooled - here.pooled).max() < 1e-5


def test_what_no_graph_takes_runs_without(checkpoint, monkeypatch):
    monkeypatch.setattr(graphs, "TOKENS", (16,))
    monkeypatch.setattr(graphs, "SEQUENCES", 3)
    runtime = Packed(checkpoint, CPU)
    made = graphs.Graphs(runtime.encode, runtime.device, lambda encode: encode)
    assert made.fitting([16]).tokens == 16
    assert made.fitting([17]) is None
    assert made.fitting([1, 1, 1, 1]) is None


def test_a_card_that_captures_nothing_goes_on_without_graphs(caplog):
    def refused(indices):
        raise RuntimeError("operation not permitted when stream is capturing\nmore")

    assert graphs.make(refused, torch.device("cpu")) is None
    assert "no CUDA graphs" in caplog.text


def test_rows_that_a_table_lacks_never_reach_a_device(checkpoint):
    with pytest.raises(IndexError, match="row 99999 of the"):
        Packed(checkpoint, CPU).run([encoding(99999)])
