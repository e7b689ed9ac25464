"""Fixtures of all tests: a tiny BERT built on the fly, the real default model, and marks by folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

import pytest

from handler.config import HandlerConfig, ModelConfig
from handler.model import LoadedModel
from handler.pipeline import Pipeline
from handler.runtimes.base import Placements, Runtime
from handler.telemetry import Telemetry
from handler.text import TextTokenizer
from handler.types import Encoding, Output
from handler.workers import WorkerRegistry
from scripts.sources import pull

FOLDERS = ("unit", "parity", "e2e")
SHAPE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
WORDS = ["hello", "how", "are", "you", "a", "cat", "sat", "on", "mat", "##s", "##ing", ",", "?", ".", "你", "好", "é"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with the name of its folder.

    One with real processes has a second try: the machine's other work may have held them up. The summary lists those
    that needed it.
    """
    for item in items:
        for folder in FOLDERS:
            if f"/tests/{folder}/" in item.path.as_posix():
                item.add_marker(folder)
        if item.get_closest_marker("e2e"):
            item.add_marker(pytest.mark.flaky(reruns=1))


def save_tokenizer(folder: Path) -> int:
    """Write a small BERT tokenizer; the size of its vocabulary."""
    from transformers import BertTokenizerFast

    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *dict.fromkeys([*WORDS, *letters])]
    vocabulary += [f"##{letter}" for letter in letters]
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    BertTokenizerFast(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
    return len(vocabulary)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BertModel of 2 layers with random weights and its tokenizer, saved as transformers saves them."""
    import torch
    from transformers import BertConfig, BertModel

    folder = tmp_path_factory.mktemp("checkpoints") / "tiny"
    words = save_tokenizer(folder)
    torch.manual_seed(0)
    BertModel(BertConfig(vocab_size=words, max_position_embeddings=40, **SHAPE)).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_roberta(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with RoBERTa's positions, which begin after the padding id, another activation and another epsilon."""
    import torch
    from transformers import RobertaConfig, RobertaModel

    folder = tmp_path_factory.mktemp("checkpoints") / "roberta"
    words = save_tokenizer(folder)
    torch.manual_seed(0)
    config = RobertaConfig(
        vocab_size=words,
        max_position_embeddings=50,
        pad_token_id=0,
        type_vocab_size=2,
        hidden_act="gelu_new",
        layer_norm_eps=1e-5,
        **SHAPE,
    )
    RobertaModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_distilbert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as a DistilBERT, which has neither token types nor a pooler."""
    import torch
    from transformers import DistilBertConfig, DistilBertModel

    folder = tmp_path_factory.mktemp("checkpoints") / "distilbert"
    words = save_tokenizer(folder)
    torch.manual_seed(0)
    config = DistilBertConfig(
        vocab_size=words, max_position_embeddings=40, dim=32, n_layers=2, n_heads=4, hidden_dim=64, activation="relu"
    )
    DistilBertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def packed_tiny(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the packer makes of `tiny` for the `packed` runtime."""
    from scripts.packing import engines
    from scripts.sources import checkpoint as checkpoints

    folder = tmp_path_factory.mktemp("packed")
    engines.write(checkpoints.read(tiny), folder, "packed", "float32")
    return folder


@pytest.fixture(scope="session")
def minilm() -> Path:
    """The real default model, fetched once and checked."""
    return pull.pull("all-MiniLM-L6-v2")


@pytest.fixture(scope="session")
def reference() -> dict[str, Any]:
    """What sentence-transformers gives for the default model; the file states its origin."""
    content: dict[str, Any] = json.loads((Path(__file__).parent / "data" / "minilm.json").read_text())
    return content


class Echo(Runtime):
    """A runtime whose states are the token ids themselves: every number in an answer can be worked out by hand.

    `broken` holds token ids on which it raises.
    """

    name = "echo"
    padded = False
    placements: ClassVar[Placements] = {"cpu": ("float32",)}

    def __init__(self, checkpoint: Path | None = None, placement: Any = None, width: int = 2) -> None:
        self.width = width
        self.batches: list[list[int]] = []
        self.broken: set[int] = set()

    def run(self, encodings: Any) -> list[Output]:
        """`hidden[token] = (id, id)`; the pooled vector is that of the last token."""
        import numpy as np

        self.batches.append([len(encoding) for encoding in encodings])
        if any(self.broken & set(encoding.ids) for encoding in encodings):
            raise RuntimeError("broken")
        outputs = []
        for encoding in encodings:
            hidden = np.repeat(np.asarray(encoding.ids, dtype=np.float32)[:, None], self.width, axis=1)
            outputs.append(Output(hidden, hidden[-1]))
        return outputs

    def word_embeddings(self) -> Any:
        """Rows of different lengths, one degree apart: the nearest to a token are those beside it."""
        import torch

        ids = torch.arange(100)
        return torch.stack([ids.deg2rad().cos(), ids.deg2rad().sin()], 1) * (ids[:, None] + 1)


@pytest.fixture
def echo() -> Echo:
    """The hand-computable runtime."""
    return Echo()


@pytest.fixture
def make_pipeline(tiny: Path, echo: Echo) -> Any:
    """Build a pipeline around `echo` and the tiny tokenizer; keywords are keys of the `handler` section."""

    def make(*, response_timeout: int = 120, **settings: Any) -> Pipeline:
        config = HandlerConfig(**{"task": "embedding", "max_length": 12, **settings})
        encoder = TextTokenizer.load(tiny / "tokenizer.json", config)
        archive = LoadedModel("bert", "1.0", config, encoder, echo.width, "cpu", echo.name, echo.word_embeddings)
        whole = ModelConfig(handler=config, responseTimeout=response_timeout)
        return Pipeline(archive, whole, echo, Telemetry(lambda *_: None), WorkerRegistry("bert", None, 0, 1))

    return make


def encoding(*ids: int) -> Encoding:
    """An encoding with those ids and nothing special."""
    return Encoding(list(ids), [0] * len(ids), [0] * len(ids), [(0, 0)] * len(ids))
