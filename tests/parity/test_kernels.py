"""The kernels of every kind of CPU that this one can run, on shapes that fit no vector."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import BertConfig, BertModel

from handler import kernels
from handler.runtimes import panels
from handler.runtimes.base import WEIGHTS, Placement
from handler.runtimes.native import Native, cut
from handler.runtimes.packed import Packed
from scripts.packing import engines
from scripts.sources import checkpoint as checkpoints
from tests.conftest import encoding
from tests.parity.formulas import attention_by, by_hand, in_bfloat16, in_integers, linears_in_bfloat16, power

ABLE = torch.cpu.get_capabilities()
LEVELS = [level for level, needed in kernels.ISA_LEVELS.items() if all(map(ABLE.get, needed))]
LENGTHS = [1, 2, 5, 12, 13, 31, 32, 33, 64, 97]
ACTIVATIONS = ["gelu", "gelu_new", "relu"]

pytestmark = pytest.mark.skipif(not LEVELS, reason="this CPU has no kernels")


@pytest.fixture(scope="module", params=ACTIVATIONS)
def odd(request, tiny, tmp_path_factory):
    """Hidden size 36 in heads of 12, inner size 50: no multiple of 4, 8, 16 or 32 anywhere that matters."""
    folder = tmp_path_factory.mktemp("odd") / "model"
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=json.loads((tiny / "config.json").read_text())["vocab_size"],
        hidden_size=36,
        num_hidden_layers=3,
        num_attention_heads=3,
        intermediate_size=50,
        max_position_embeddings=700,
        hidden_act=request.param,
        initializer_range=0.3,
    )
    BertModel(config).save_pretrained(folder)
    for file in ("tokenizer.json", "tokenizer_config.json"):
        (folder / file).write_bytes((tiny / file).read_bytes())
    return folder


@pytest.fixture
def load(odd, tmp_path, monkeypatch):
    """Runtimes over one packed folder each."""

    def make(runtime, dtype, level=None):
        if level:
            monkeypatch.setattr(kernels, "ISA_LEVELS", {level: kernels.ISA_LEVELS[level]})
        folder = tmp_path / f"{runtime.name}-{dtype}"
        if not folder.exists():
            folder.mkdir()
            engines.write(checkpoints.read(odd), folder, runtime.name, dtype)
        return runtime(folder, Placement("cpu", dtype))

    yield make
    monkeypatch.undo()


def sequences(lengths=LENGTHS):
    """One of every length, with tokens and types that differ."""
    generator = np.random.default_rng(0)
    made = [encoding(*map(int, generator.integers(1, 30, length))) for length in lengths]
    for each in made:
        each.type_ids[len(each) // 2 :] = [1] * (len(each) - len(each) // 2)
    return made


def difference(ours, theirs):
    return max(float(np.abs(left.hidden - right.hidden).max()) for left, right in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("threads", [1, 2, 64])
def test_states_are_those_of_torch(load, level, threads):
    ours, theirs = load(Native, "float32", level), load(Packed, "float32")
    ours.use_threads(threads)
    got, want = ours.run(sequences()), theirs.run(sequences())
    assert difference(got, want) < 1e-5
    assert max(np.abs(left.pooled - right.pooled).max() for left, right in zip(got, want, strict=True)) < 1e-5


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("dtype", ["float32", "int8", "bfloat16"])
def test_a_sequence_has_the_same_bits_in_any_company_and_with_any_threads(load, level, dtype):
    runtime = load(Native, dtype, level)
    runtime.use_threads(1)
    alone = [runtime.run([each])[0] for each in sequences()]
    runtime.use_threads(2)
    assert difference(alone, runtime.run(sequences())) == 0
    assert difference(alone[:1], runtime.run(sequences()[:1])) == 0


def test_what_the_processor_does_with_denormal_numbers_is_as_before(load):
    load(Native, "float32").run(sequences())
    assert np.float32(1e-40) * np.float32(1) == np.float32(1e-40) != 0


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("depth", [1, 3])
def test_linears_in_8_bits_are_what_the_formula_gives(load, level, depth):
    """`packed` with its linears and its attention replaced by formulas, of the archive's weights."""
    theirs, ours = load(Packed, "float32"), load(Native, "int8", level)
    theirs.layers, ours.model.layers = theirs.layers[:depth], depth
    stored = load_file(ours.checkpoint / WEIGHTS)
    for number, layer in enumerate(theirs.layers):
        for name in ("qkv", "out", "up", "down"):
            plain, of = getattr(layer, name), f"layers.{number}.{name}"

            def linear(states, residual=None, plain=plain, of=of):
                read = (states * stored.get(f"{of}.smooth", 1)).double().numpy()
                weight, scale, bias = (stored[f"{of}.{part}"].double().numpy() for part in ("weight", "scale", "bias"))
                product = by_hand(read, weight, scale, bias)
                result = torch.from_numpy(product).float()
                result = result if plain.activate is None else plain.activate(result)
                return result if residual is None else result + residual

            setattr(layer, name, linear)
    theirs = attention_by(theirs, in_bfloat16 if level == kernels.BFLOAT16 else in_integers)
    read = sequences([*LENGTHS, 512, 513, 700])  # integers are for 512 keys at most
    apart = [np.abs(left.hidden - right.hidden) for left, right in zip(ours.run(read), theirs.run(read), strict=True)]
    # a value on the border of two levels may go either way, and its row with it;
    # from the next layer on its sequence
    same = np.array([np.median(each) < 1e-5 for each in apart])
    assert same.all() if depth == 1 else same.mean() > 0.4
    assert np.concatenate(apart).mean() < 6e-3


def test_the_polynomial_is_as_near_as_it_says():
    x = torch.linspace(-80, 0, 100_001, dtype=torch.float64)
    assert (power(x) / x.exp() - 1).abs().max() < 8e-5


@pytest.mark.parametrize("level", LEVELS)
def test_products_in_bfloat16_are_what_rounded_factors_give(load, level):
    ours, theirs = load(Native, "bfloat16", level), load(Packed, "float32")
    theirs = attention_by(linears_in_bfloat16(theirs), in_bfloat16)
    left, right = (np.concatenate([each.hidden for each in runtime.run(sequences())]) for runtime in (ours, theirs))
    # a value between two of bfloat16 may go either way and moves what follows by one
    assert np.median(np.abs(left - right)) < 1e-5
    assert np.abs(left - right).mean() < 1e-3


@pytest.fixture
def one_head(tiny, tmp_path, monkeypatch):
    """What one layer of one head gives for a sequence, in float32 and in int8, after its weights were changed."""

    def run(size, change, sequence, level):
        torch.manual_seed(0)
        config = json.loads((tiny / "config.json").read_text())
        sizes = {"hidden_size": size, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 50}
        model = BertModel(BertConfig(vocab_size=config["vocab_size"], **sizes))
        with torch.no_grad():
            model.encoder.layer[0].attention.self.query.weight.zero_()
            model.encoder.layer[0].attention.self.query.bias.fill_(1)
            change(model)
        model.save_pretrained(tmp_path / "model")
        for file in ("tokenizer.json", "tokenizer_config.json"):
            (tmp_path / "model" / file).write_bytes((tiny / file).read_bytes())
        monkeypatch.setattr(kernels, "ISA_LEVELS", {level: kernels.ISA_LEVELS[level]})
        for dtype in ("float32", "int8"):
            (tmp_path / dtype).mkdir()
            engines.write(checkpoints.read(tmp_path / "model"), tmp_path / dtype, "native", dtype)
            (answer,) = Native(tmp_path / dtype, Placement("cpu", dtype)).run([sequence])
            yield torch.from_numpy(answer.hidden)

    return run


@pytest.mark.parametrize("level", LEVELS)
def test_products_of_16_bit_integers_fit_their_sums(one_head, level):
    """All queries and keys of one magnitude in each of 601 values: with as many levels as 512 products leave room for,
    the key that is looked at most would be looked at least."""

    def change(model):
        attention = model.encoder.layer[0].attention.self
        attention.key.weight.copy_(torch.randn(601) / 60)  # the same in each row
        attention.value.weight.normal_()

    exact, small = one_head(601, change, sequences([40])[0], level)
    assert torch.cosine_similarity(exact, small).min() > 0.99


@pytest.mark.parametrize("level", LEVELS)
def test_what_is_beside_a_token_with_nearly_all_of_the_weight(one_head, level):
    """The first token has more than 0.9 of it and no values of its own, as [SEP] often has: what is seen is the rest,
    of which each of 511 tokens has a few 100,000ths."""

    def change(model):
        layer = model.encoder.layer[0].attention
        model.embeddings.word_embeddings.weight[1, 0] = 100  # the first token's state is 8 there, and 0.1 elsewhere
        layer.self.key.weight.zero_()
        layer.self.key.weight[:, 0] = 10 / 64  # so its score is 10, and others' are around 0
        layer.self.value.bias.normal_(0, 3)
        layer.self.value.weight[:, 0] = -layer.self.value.bias / 8
        layer.output.dense.weight.normal_()

    first = encoding(1, *(int(token) for token in np.random.default_rng(0).integers(2, 30, 511)))
    exact, small = one_head(64, change, first, level)
    assert torch.cosine_similarity(exact, small).min() > 0.99


@pytest.mark.parametrize("table", ["word", "position", "type"])
def test_a_row_that_a_table_does_not_have_is_refused(load, table):
    wrong = {"word": encoding(1, 1000), "position": encoding(*[1] * 701), "type": encoding(1, 2)}[table]
    wrong.type_ids[:] = [2 if table == "type" else 0] * len(wrong)
    with pytest.raises(IndexError, match=f"in table {table}"):
        load(Native, "float32").run([wrong])


def test_a_folder_that_takes_no_file_costs_memory_and_nothing_else(load, odd, tmp_path, monkeypatch, caplog):
    shared = load(Native, "float32").run(sequences())
    other = tmp_path / "other"
    other.mkdir()
    engines.write(checkpoints.read(odd), other, "native", "float32")

    def full(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr(panels.np, "save", full)
    runtime = Native(other, Placement("cpu", "float32"))
    assert difference(runtime.run(sequences()), shared) == 0
    assert "not shared" in caplog.text
    assert {file.name for file in other.iterdir()} == {"packed.safetensors", "kernels"}


def test_the_second_worker_maps_what_the_first_one_wrote(load):
    first = load(Native, "float32")
    (folder,) = first.checkpoint.glob(f"{panels.FOLDER}-*")
    written = {file.name: file.stat().st_mtime_ns for file in folder.iterdir()}
    load(Native, "float32")
    assert {file.name: file.stat().st_mtime_ns for file in folder.iterdir()} == written
    assert isinstance(first.arrays["layers.0.up.weight"], np.memmap)
    assert first.arrays["layers.0.up.weight"].ctypes.data % 64 == 0


def test_a_cpu_without_kernels_gets_onnx(monkeypatch):
    from handler import runtimes

    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: {"neon": True})
    assert kernels.detect_isa() is None
    assert runtimes.pick("auto", Placement("cpu", "int8")).name == "onnx"


@pytest.mark.parametrize(("limit", "level"), list(zip(kernels.LIMITS, kernels.ISA_LEVELS, strict=True)))
def test_what_limits_torch_limits_the_kernels(limit, level, monkeypatch):
    everything = {name for needed in kernels.ISA_LEVELS.values() for name in needed}
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: dict.fromkeys(everything, True))
    assert kernels.detect_isa() == next(iter(kernels.ISA_LEVELS))
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", limit)
    assert kernels.detect_isa() == level


@pytest.mark.parametrize(
    ("lengths", "most", "parts"),
    [
        ([5], 5, [1]),
        ([5], 2, [1]),
        ([2, 2, 2], 6, [3]),
        ([2, 2, 2, 2], 6, [2, 2]),
        ([1, 1, 9], 4, [2, 1]),
        ([9, 1, 1], 4, [1, 2]),
        ([3] * 10, 10, [3, 4, 3]),
    ],
)
def test_passes_are_cut_into_about_equal_parts(lengths, most, parts):
    found = cut([encoding(*range(length)) for length in lengths], most)
    assert [len(part) for part in found] == parts
    assert [len(each) for part in found for each in part] == lengths


def test_states_are_those_of_one_pass_however_it_is_cut(load):
    runtime = load(Native, "float32")
    whole = runtime.run(sequences())
    runtime.tokens = 40
    assert difference(runtime.run(sequences()), whole) == 0
