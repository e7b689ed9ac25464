"""Models and texts that all engines and servers get."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from benchmarks.gpu import models
from benchmarks.gpu.sizes import BASE
from benchmarks.peers.environments import CACHE
from handler.config import ORIGIN
from scripts.load import workload
from scripts.load.workload import ModelShape, Workload
from scripts.sources import presets, pull

LONGEST = 512
SAMPLED = 64
"""Texts by which NNCF sets the ranges of activations: of another seed than those that are measured."""


@dataclass(frozen=True, slots=True)
class Model:
    """A checkpoint folder and what benchmarks have to know of it."""

    name: str
    folder: Path

    @property
    def tokenizer(self) -> Tokenizer:
        """Without padding and truncation."""
        return workload.read_tokenizer((self.folder / "tokenizer.json").read_text())

    @property
    def shape(self) -> ModelShape:
        """What decides its arithmetic."""
        return workload.read_shape(json.loads((self.folder / "config.json").read_text()))

    def texts(self, kind: str, count: int, seed: int = 0) -> Workload:
        """A workload in words of its vocabulary."""
        return workload.make(kind, count, seed, self.tokenizer)

    def ids(self, kind: str, count: int, seed: int = 0) -> list[list[int]]:
        """The same, tokenized."""
        return [encoding.ids for encoding in self.tokenizer.encode_batch(self.texts(kind, count, seed).texts)]


def minilm(folder: Path) -> None:
    """The default model; its texts may be as long as its positions, where its authors stop at 256 tokens."""
    shutil.copytree(pull.pull(presets.DEFAULT), folder, ignore=shutil.ignore_patterns(ORIGIN))
    settings = folder / "sentence_bert_config.json"
    settings.write_text(json.dumps(json.loads(settings.read_text()) | {"max_seq_length": LONGEST}))


def bert_base(folder: Path) -> None:
    """BERT-base's shape with random weights, and what older libraries of peers ask a folder for."""
    models.sentences(folder, BASE, dense=(), position_embedding_type="absolute")
    settings, listed = folder / "tokenizer_config.json", folder / "modules.json"
    settings.write_text(json.dumps(json.loads(settings.read_text()) | {"tokenizer_class": "PreTrainedTokenizerFast"}))
    modules = [each | {"idx": idx, "name": str(idx)} for idx, each in enumerate(json.loads(listed.read_text()))]
    listed.write_text(json.dumps(modules))


MAKERS: Mapping[str, Callable[[Path], None]] = {"MiniLM": minilm, "bert-base": bert_base}


def make(name: str) -> Model:
    """A model of `MAKERS`, written once."""
    folder = CACHE / "models" / name
    if not folder.exists():
        unfinished = folder.with_suffix(".part")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.parent.mkdir(parents=True, exist_ok=True)
        MAKERS[name](unfinished)
        unfinished.rename(folder)
    return Model(name, folder)
