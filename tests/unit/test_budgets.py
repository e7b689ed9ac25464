"""How a GPU's tokens per pass are found, and where they are kept."""

import pytest
import torch

from handler.batching import DEFAULT_TOKEN_BUDGET
from handler.config import HandlerConfig
from handler.runtimes import budgets
from handler.runtimes.base import Placement

CONFIG = HandlerConfig(task="embedding", max_length=512)
GPU = Placement("cuda:0", "bfloat16")


class Card:
    """Computes a pass in `launch` seconds and `1 / rate` per token, on a clock of its own."""

    name, outputs_on_device = "packed", True

    def __init__(self, launch=0.001, rate=1e6, most=1 << 20):
        self.launch, self.rate, self.most = launch, rate, most
        self.now, self.passes = 0.0, 0

    def run(self, encodings):
        tokens = sum(map(len, encodings))
        self.passes += 1
        if tokens > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        self.now += self.launch + tokens / self.rate

    def finish(self):
        pass


@pytest.fixture
def measured(monkeypatch, tmp_path):
    (tmp_path / "config.json").write_text("{}")

    def find(card, placement=GPU):
        monkeypatch.setattr(budgets, "perf_counter", lambda: card.now)
        return budgets.load_or_measure(card, placement, tmp_path, CONFIG)

    return find


@pytest.mark.parametrize(
    ("card", "tokens"),
    [
        (Card(launch=0.0001), 2048),  # twice as many give 2.4 % more
        (Card(launch=0.001), 16384),
        (Card(launch=1), 65536),  # the most that is tried
        (Card(launch=1, most=10000), 8192),
        (Card(launch=1, most=1000), DEFAULT_TOKEN_BUDGET),
    ],
)
def test_more_tokens_only_while_they_pay_and_fit(measured, card, tokens):
    assert measured(card) == tokens


def test_only_the_first_worker_measures(measured):
    first, second = Card(), Card(launch=1)
    assert measured(first) == measured(second)
    assert (first.passes > 0, second.passes) == (True, 0)
    assert measured(second, Placement("cuda:0", "float16")) == 65536  # another dtype is another thing
    assert measured(second, Placement("cuda:1", "bfloat16")) == 65536


def test_a_cpu_is_not_measured(measured):
    card = Card()
    card.outputs_on_device = False
    assert measured(card, Placement("cpu", "float32")) == DEFAULT_TOKEN_BUDGET
    assert card.passes == 0
