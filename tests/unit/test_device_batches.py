"""Attention and CUDA graphs for a device, over the CPU in its place."""

import numpy as np
import pytest
import torch
from msgspec.structs import replace
from transformers import AutoTokenizer

from handler.activations import ACTIVATIONS
from handler.encoders.description import Description
from handler.runtimes import attention, cuda, disentangled, graphs, linears
from handler.runtimes.packed import Packed
from scripts.packing import engines
from scripts.sources import checkpoint as checkpoints
from tests import heads
from tests.conftest import encoding
from tests.unit.test_device import CPU, TEXTS, resident


@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("lengths", [[1], [5, 5, 5], [1, 2, 3, 30, 31, 40, 400], [40, 2, 39, 3], [7] * 3 + [90] * 2])
def test_padded_blocks_attend_like_blocks_without_padding(lengths, biased):
    torch.manual_seed(0)
    qkv = torch.randn(sum(lengths), 3, 4, 8)
    bias = torch.randn(4, 2 * 400 - 1) if biased else None
    offsets = torch.tensor([0, *lengths]).cumsum(0, dtype=torch.int32)
    ours, theirs = (kind(lengths, offsets, bias)(qkv) for kind in (attention.Blocked, attention.Grouped))
    assert (ours - theirs).abs().max() < 1e-5


@pytest.mark.parametrize("lengths", [[1, 2], [1, 2, 3, 30, 31, 40, 400], [7] * 3 + [90] * 2])
def test_relative_positions_are_gathered_a_few_queries_at_a_time(lengths, monkeypatch):
    torch.manual_seed(0)
    rows = torch.arange(-30, 31).clamp(-10, 9).add(10).int()
    tables = {name: torch.randn(4, 8, 20) for name in ("relative_keys", "relative_queries")}
    relative = disentangled.Relative(tables | {"relative_rows": rows})
    qkv, offsets = torch.randn(sum(lengths), 3, 4, 8), torch.tensor([0, *lengths]).cumsum(0, dtype=torch.int32)
    whole = attention.Grouped(lengths, offsets)(qkv, relative)
    assert (whole - attention.Grouped(lengths, offsets)(qkv)).abs().max() > 0.1
    monkeypatch.setattr(disentangled, "SCORES_AT_ONCE", 1000)
    for kind in (attention.Blocked, attention.Grouped):
        assert (kind(lengths, offsets)(qkv, relative) - whole).abs().max() < 1e-5


def test_blocks_are_few_and_little_padded():
    lengths = sorted(np.random.default_rng(0).integers(3, 128, 500).tolist())
    blocks = list(attention.alike(lengths))
    assert sum(count for _, count, _ in blocks) == 500
    assert len(blocks) < 12
    assert sum(count * longest for _, count, longest in blocks) < 1.2 * sum(lengths)


class ByOffsets:
    """Attention that knows of a batch only what a graph does: offsets that are read when it runs."""

    def __init__(self, lengths, offsets, bias):
        self.offsets = offsets

    def __call__(self, qkv, relative):
        lengths = [length for length in self.offsets.diff().tolist() if length]
        return attention.Grouped(lengths, self.offsets)(qkv, relative)


def test_a_graph_s_padding_and_its_empty_places_change_nothing(packed_tiny, monkeypatch):
    monkeypatch.setattr(graphs, "TOKENS", (16, 32))
    plain, runtime = Packed(packed_tiny, CPU), resident(Packed(packed_tiny, CPU))
    runtime.attention = ByOffsets
    recorded = []
    runtime.graphs = graphs.Graphs(runtime.encode, 40, runtime.device, lambda encode: recorded.append(encode) or encode)
    assert len(recorded) == 2
    batches = [TEXTS, TEXTS[:1], TEXTS[2:], [encoding(*[2] * 16)], [encoding(2, 3)] * 16]
    begun = [runtime.run(batch) for batch in batches]  # all before any is read, as the pipeline does
    for batch, outputs in zip(batches, begun, strict=True):
        for there, here in zip(outputs, plain.run(batch), strict=True):
            assert np.abs(there.hidden - here.hidden).max() < 1e-5
            assert np.abs(there.pooled - here.pooled).max() < 1e-5


def test_what_no_graph_takes_runs_without(packed_tiny, monkeypatch):
    monkeypatch.setattr(graphs, "TOKENS", (16,))
    monkeypatch.setattr(graphs, "SEQUENCES", 3)
    runtime = Packed(packed_tiny, CPU)
    made = graphs.Graphs(runtime.encode, 40, runtime.device, lambda encode: encode)
    assert made.smallest_fitting([16]).tokens == 16
    assert made.smallest_fitting([17]) is None
    assert made.smallest_fitting([1, 1, 1, 1]) is None


@pytest.mark.parametrize(
    ("free", "why"), [(1 << 20, "less than 1024 MiB are free"), (1 << 40, "not permitted when stream is capturing")]
)
def test_a_card_that_captures_nothing_goes_on_without_graphs(monkeypatch, caplog, free, why):
    def refused():
        raise RuntimeError("operation not permitted when stream is capturing\nmore")

    monkeypatch.setattr("torch.cuda.mem_get_info", lambda device: (free, free))
    monkeypatch.setattr(graphs, "Capture", refused)
    assert graphs.make(pytest.fail, 40, torch.device("cpu")) is None
    assert why in caplog.text
    assert "more" not in caplog.text


@pytest.mark.parametrize(
    ("family", "options", "bound"),
    [
        ("Bert", {}, 1e-5),
        ("DistilBert", {"activation": "relu"}, 1e-5),
        ("Roberta", {"hidden_act": "gelu_new"}, 2e-3),  # exact in cuBLAS; the kernel of a CPU is the other GELU
        ("Electra", {"hidden_act": "silu"}, 1e-5),
        ("MPNet", {"hidden_act": "relu"}, 1e-5),
        ("DebertaV2", {"embedding_size": 20}, 1e-5),
    ],
)
def test_what_follows_a_product_inside_its_kernel_is_the_same(minilm, tmp_path, monkeypatch, family, options, bound):
    saved = heads.save(tmp_path / "saved", family, "Model", AutoTokenizer.from_pretrained(minilm), **options)
    engines.write(checkpoints.read(saved), tmp_path, "packed", "float32")
    plain = Packed(tmp_path, CPU)
    monkeypatch.setattr(linears, "choose", lambda *_: linears.EpilogueLinear)
    fused = Packed(tmp_path, CPU)
    assert (fused.layers[0].qkv.bias - plain.layers[0].qkv.bias).abs().max() > 0.01
    for ours, theirs in zip(fused.run(TEXTS), plain.run(TEXTS), strict=True):
        assert np.abs(ours.hidden - theirs.hidden).max() < bound


def test_biases_are_folded_into_normalisations_of_a_layers_own():
    own = Description(layers=[0, 1, 2], hidden=8, heads=2, activation="gelu", eps=1e-12)
    shared, first = replace(own, layers=[0, 0, 1]), replace(own, norm_first=True)
    kinds = [linears.choose(torch.device("cuda:0"), torch.float16, each) for each in (own, shared, first)]
    assert kinds == [linears.EpilogueLinear, linears.AddmmLinear, linears.AddmmLinear]


@pytest.mark.parametrize(
    ("activation", "dtype", "within", "after"),
    [
        ("gelu", torch.bfloat16, True, False),
        ("gelu", torch.float16, None, True),
        ("gelu_tanh", torch.float16, True, False),
        ("relu", torch.float16, False, False),
        ("none", torch.float16, None, False),
        ("silu", torch.float16, None, True),
    ],
)
def test_gelu_is_approximate_only_where_that_is_below_the_rounding(activation, dtype, within, after):
    weight = torch.zeros(4, 4, dtype=dtype)
    linear = linears.EpilogueLinear(weight, weight[0], activation)
    assert (linear.within, linear.activate is not ACTIVATIONS["none"].in_place) == (within, after)


@pytest.mark.parametrize(
    ("capability", "supported"), [((7, 0), False), ((7, 5), True), ((9, 0), True), ((12, 0), True)]
)
def test_a_card_older_than_torch_is_built_for_is_not_used(monkeypatch, capability, supported):
    monkeypatch.setattr("torch.cuda.get_arch_list", lambda: ["sm_75", "sm_80", "sm_90a", "compute_90"])
    monkeypatch.setattr(cuda, "capability", lambda _: capability)
    assert cuda.supported("cuda:0") is supported


def test_rows_that_a_table_lacks_never_reach_a_device(packed_tiny):
    with pytest.raises(IndexError, match="to 99999 of"):
        Packed(packed_tiny, CPU).run([encoding(99999)])
