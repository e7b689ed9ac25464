"""Which device and dtype a worker gets."""

from types import SimpleNamespace

import pytest
import torch

from handler import loading
from handler.config import HandlerConfig, ModelConfig
from handler.device import DeviceStates
from handler.errors import ConfigError
from handler.text import TextTokenizer


def configured(dtype="auto", **settings):
    return ModelConfig(handler=HandlerConfig(task="embedding", max_length=8, dtype=dtype), **settings)


@pytest.fixture(autouse=True)
def cards(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.get_arch_list", lambda: ["sm_60", "sm_90"])
    known = {"cuda:0": (9, 0), "cuda:1": (7, 0), "cuda:2": (6, 0)}
    monkeypatch.setattr("handler.runtimes.cuda.capability", known.get)


@pytest.mark.parametrize(("gpu", "usable", "device"), [(0, True, "cuda:0"), (None, True, "cpu"), (0, False, "cpu")])
def test_the_device_that_was_given(monkeypatch, gpu, usable, device):
    monkeypatch.setattr("torch.cuda.is_available", lambda: usable)
    assert loading.choose_device(configured(), gpu) == device


@pytest.mark.parametrize(("gpu", "usable", "why"), [(None, True, "gave this worker none"), (0, False, "torch cannot")])
def test_an_archive_for_a_gpu_does_not_run_without_one_in_silence(monkeypatch, gpu, usable, why):
    monkeypatch.setattr("torch.cuda.is_available", lambda: usable)
    with pytest.raises(ConfigError, match=f"deviceType is gpu, and .*{why}"):
        loading.choose_device(configured(deviceType="gpu"), gpu)


def test_a_card_that_torch_was_not_built_for_is_none(monkeypatch):
    monkeypatch.setattr("torch.cuda.get_arch_list", lambda: ["sm_75", "sm_90"])
    assert [loading.choose_device(configured(), gpu) for gpu in range(3)] == ["cuda:0", "cpu", "cpu"]


def test_float16_that_was_asked_for_and_overflows_ends_the_worker(tiny):
    config = configured("float16").handler
    hidden = torch.full((2, 2), torch.nan, dtype=torch.float16)
    outputs = DeviceStates(hidden, None, [2], torch.tensor([0, 2], dtype=torch.int32)).outputs()
    runtime = SimpleNamespace(run=lambda encodings: outputs)
    with pytest.raises(ConfigError, match="overflows float16"):
        loading.warm(runtime, TextTokenizer.load(tiny / "tokenizer.json", config))


@pytest.fixture
def start(monkeypatch, tiny, tmp_path):
    """`loading.load_runtime` over a model whose states overflow in the given dtypes."""

    def started(device, dtype, overflow=()):
        tried = []

        class Card:
            def __init__(self, checkpoint, placement):
                self.dtype = placement.dtype
                tried.append(placement.dtype)

            def run(self, encodings):
                assert max(map(len, encodings)) == 8
                assert {encoding.ids[0] for encoding in encodings} == {2}
                lengths = [len(encoding) for encoding in encodings]
                value = torch.inf if self.dtype in overflow else 1.0
                hidden = torch.full((sum(lengths), 2), value, dtype=getattr(torch, self.dtype))
                offsets = torch.tensor([0, *lengths]).cumsum(0, dtype=torch.int32)
                return DeviceStates(hidden, None, lengths, offsets).outputs()

        monkeypatch.setattr(loading.runtimes, "pick", lambda name, placement: Card)
        config = configured(dtype).handler
        _, placement = loading.load_runtime(
            tmp_path, config, device, TextTokenizer.load(tiny / "tokenizer.json", config)
        )
        return tried, placement.dtype

    return started


@pytest.mark.parametrize(
    ("device", "dtype", "overflow", "tried"),
    [
        ("cuda:0", "auto", (), ["float16"]),
        ("cuda:0", "auto", ("float16",), ["float16", "bfloat16"]),
        ("cuda:1", "auto", ("float16",), ["float16", "float32"]),
        ("cuda:2", "auto", (), ["float32"]),
        ("cpu", "auto", (), ["float32"]),
        ("cuda:0", "float16", ("float16",), ["float16"]),  # asked for
        ("cuda:0", "float32", (), ["float32"]),
    ],
)
def test_auto_is_the_first_dtype_whose_range_the_model_keeps_to(start, device, dtype, overflow, tried):
    assert start(device, dtype, overflow) == (tried, tried[-1])
