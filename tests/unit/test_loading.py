"""Which device and dtype a worker gets."""

import pytest

from handler import loading
from handler.config import HandlerConfig, ModelConfig
from handler.errors import ConfigError
from handler.runtimes.base import Placement


@pytest.fixture
def place(monkeypatch):
    def placed(gpu, usable=True, dtype="auto", **settings):
        monkeypatch.setattr("torch.cuda.is_available", lambda: usable)
        monkeypatch.setattr(
            "handler.runtimes.cuda.capability", lambda device: {"cuda:0": (9, 0), "cuda:1": (7, 0)}[device]
        )
        handler = HandlerConfig(task="embedding", max_length=8, dtype=dtype)
        return loading.place(ModelConfig(handler=handler, **settings), gpu)

    return placed


@pytest.mark.parametrize(
    ("gpu", "usable", "dtype", "placement"),
    [
        (0, True, "auto", Placement("cuda:0", "bfloat16")),
        (1, True, "auto", Placement("cuda:1", "float16")),
        (1, True, "float32", Placement("cuda:1", "float32")),
        (None, True, "auto", Placement("cpu", "float32")),
        (0, False, "auto", Placement("cpu", "float32")),
        (None, False, "int8", Placement("cpu", "int8")),
    ],
)
def test_the_device_that_was_given_and_its_fastest_dtype(place, gpu, usable, dtype, placement):
    assert place(gpu, usable, dtype) == placement


@pytest.mark.parametrize(("gpu", "usable", "why"), [(None, True, "gave this worker none"), (0, False, "torch cannot")])
def test_an_archive_for_a_gpu_does_not_run_without_one_in_silence(place, gpu, usable, why):
    with pytest.raises(ConfigError, match=f"deviceType is gpu, and .*{why}"):
        place(gpu, usable, deviceType="gpu")
    assert place(0, deviceType="gpu").kind == "cuda"
