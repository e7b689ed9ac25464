"""Texts to measure with, made from a seed: words of the model's own vocabulary, the same on every machine."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import tokenizers
import yaml

from handler import config as configuration
from handler.config import CHECKPOINT
from scripts.sources.families import family

WORDS_MU, WORDS_SIGMA, WORDS_MOST = 3.0, 0.7, 126
"""Words per text of `mixed`: log-normal, which is how lengths of queries and passages are spread; mean 26 tokens."""


@dataclass(frozen=True, slots=True)
class Workload:
    """Texts, and how many tokens each has with its special tokens."""

    name: str
    texts: list[str]
    tokens: list[int]


def make(name: str, count: int, seed: int, tokenizer: tokenizers.Tokenizer) -> Workload:
    """A workload by name: `mixed`, or a number of tokens that every text has.

    Raises:
        ValueError: the name is neither.
    """
    rng = np.random.default_rng(seed)
    words = whole_words(tokenizer)
    if name == "mixed":
        sizes = np.clip(rng.lognormal(WORDS_MU, WORDS_SIGMA, count), 1, WORDS_MOST).astype(int)
    elif name.isdigit() and int(name) > 2:
        sizes = np.full(count, int(name) - 2)  # two special tokens
    else:
        raise ValueError(f"workload {name!r} is not known; use mixed, or a number of tokens such as 128")
    texts = [" ".join(rng.choice(words, size)) for size in sizes]
    return Workload(name, texts, [len(encoding) for encoding in tokenizer.encode_batch(texts)])


def whole_words(tokenizer: tokenizers.Tokenizer) -> list[str]:
    """Words of ASCII letters that are one token each, in the order of their ids."""
    vocabulary = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    return [word for word, _ in vocabulary if word.isascii() and word.isalpha() and len(word) > 1]


@dataclass(frozen=True, slots=True)
class Model:
    """What a benchmark has to know of an archive.

    Attributes:
        max_length: tokens that are read of a text.
    """

    shape: ModelShape
    tokenizer: tokenizers.Tokenizer
    max_length: int


def read_archive(archive: Path) -> Model:
    """Shape and tokenizer out of a `.mar`."""
    with ZipFile(archive) as packed:
        config = json.loads(packed.read(f"{CHECKPOINT}/config.json"))
        tokenizer = read_tokenizer(packed.read(f"{CHECKPOINT}/tokenizer.json").decode())
        settings = configuration.load(yaml.safe_load(packed.read("model-config.yaml")))
    return Model(read_shape(config), tokenizer, settings.handler.max_length)


def read_tokenizer(content: str) -> tokenizers.Tokenizer:
    """A `tokenizer.json` without its own padding and truncation."""
    tokenizer = tokenizers.Tokenizer.from_str(content)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def read_shape(config: Mapping[str, Any]) -> ModelShape:
    """The shape in a `config.json`; 0, and so no operations, for what a family calls otherwise that is not known."""
    keys = family(config).keys
    return ModelShape(*(int(config.get(name) or 0) for name in (keys.layers, keys.hidden, keys.intermediate)))


@dataclass(frozen=True, slots=True)
class ModelShape:
    """What decides the arithmetic of an encoder."""

    layers: int
    hidden: int
    intermediate_size: int

    def flops(self, tokens: Sequence[int]) -> float:
        """Floating-point operations for texts of these lengths, padding not counted.

        Per token and layer `8 H^2` for the four projections, `4 H I` for the two linears, and `4 l H` for attention
        over `l` tokens; one multiply-add is two operations.
        """
        linear = 8 * self.hidden**2 + 4 * self.hidden * self.intermediate_size
        return float(sum(length * self.layers * (linear + 4 * length * self.hidden) for length in tokens))
