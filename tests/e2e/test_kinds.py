"""Every kind of folder as its owner goes: pack, inspect, serve; answers as the library that wrote it gives them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from sentence_transformers import CrossEncoder, SentenceTransformer, SparseEncoder
from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer

from scripts.conversion.convert import Source, convert
from tests import folders, heads
from tests.e2e.conftest import Cli, free_port
from tests.layouts.models import save

TEXT = "hello how are you?"
LABELS = ["bad", "good", "fair"]
DATA = Path(__file__).parents[1] / "data" / "tensorflow"


@dataclass
class Kind:
    """A folder, its task, a request, and what the library that wrote it answers."""

    folder: Path
    task: str
    body: dict[str, Any]
    expected: Callable[[Path], Any]
    read: Callable[[Any], Any] = np.asarray


def states(folder: Path) -> Any:
    """Hidden states of transformers."""
    import torch

    model, tokenizer = AutoModel.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    with torch.inference_mode():
        return model(**tokenizer(TEXT, return_tensors="pt")).last_hidden_state.numpy()


def vector(folder: Path) -> Any:
    """The vector of sentence-transformers."""
    return SentenceTransformer(str(folder), device="cpu").encode([TEXT])


def relevance(folder: Path) -> Any:
    """The score of a cross-encoder."""
    return CrossEncoder(str(folder), device="cpu").predict([(TEXT, "a cat")])


def probabilities(folder: Path) -> Any:
    """Of each label, by transformers."""
    import torch

    model = AutoModelForSequenceClassification.from_pretrained(folder)
    with torch.inference_mode():
        return model(**AutoTokenizer.from_pretrained(folder)(TEXT, return_tensors="pt")).logits[0].softmax(0).numpy()


def labelled(answer: Any) -> Any:
    """The score of each label of one text."""
    found = {item["label"]: item["score"] for item in answer[0]}
    return [found[name] for name in LABELS]


def weights(folder: Path) -> Any:
    """The largest weight of SPLADE."""
    return SparseEncoder(str(folder), device="cpu").encode([TEXT]).to_dense().numpy().max(axis=1)


def google(folder: Path) -> Any:
    """What Google's code computed for a text; see `tests/data/tensorflow/write.py`."""
    reference = np.load(DATA / "chinese" / "reference.npz")
    return reference["hidden_erf"][1:2, : reference["mask"][1].sum()]


def scores(answer: Any) -> Any:
    """Of a ranking."""
    return [item["score"] for item in answer]


def values(answer: Any) -> Any:
    """Of the words of one text."""
    return [item["value"] for item in answer[0]]


@pytest.fixture(scope="module")
def kinds(tiny: Path, minilm: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Kind]:
    """One of each."""
    made = tmp_path_factory.mktemp("kinds")
    tokenizer = AutoTokenizer.from_pretrained(minilm)
    bare, text = "hidden-states", {"inputs": TEXT}
    cross = heads.save(made / "cross", "Bert", "ForSequenceClassification", tokenizer, **heads.labels(["relevant"]))
    CrossEncoder(str(cross), device="cpu").save_pretrained(str(made / "ce"))
    splade = heads.save(made / "masked", "Bert", "ForMaskedLM", tokenizer)
    SparseEncoder(str(splade), device="cpu").save_pretrained(str(made / "splade"))
    dense = folders.sentences(tiny, made / "dense", dense=("Tanh",), normalize=True, prompts=folders.PROMPTS)
    by_class = save(made / "classes", "squeezebert", "SqueezeBertForSequenceClassification", **heads.labels(LABELS))
    old = folders.sentences(tiny, made / "old")
    before = vector(old)
    convert(Source(DATA / "chinese", head="none"), made / "google")
    asked = json.loads((DATA / "chinese" / "tokens.json").read_text())
    return {
        "plain": Kind(tiny, bare, text, states),
        "sharded": Kind(folders.sharded(tiny, made / "sharded"), bare, text, states),
        "pickled": Kind(folders.pickled(tiny, made / "pickled"), bare, text, states),
        "shards": Kind(folders.sharded_pickles(tiny, made / "shards"), bare, text, states),
        "dense": Kind(dense, "embedding", text, vector),
        "old": Kind(folders.old_layout(old), "embedding", text, lambda _: before),
        "cross": Kind(made / "ce", "rerank", {"query": TEXT, "texts": ["a cat"]}, relevance, scores),
        "splade": Kind(made / "splade", "sparse-embedding", {"inputs": TEXT, "top_k": 1}, weights, values),
        "classes": Kind(by_class, "text-classification", text, probabilities, labelled),
        "google": Kind(made / "google", bare, {"inputs": asked["texts"][0]}, google),
    }


@pytest.fixture(scope="module")
def served(kinds: dict[str, Kind], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    """All of them, packed by the command and on one server."""
    command = Cli(tmp_path_factory.mktemp("runs"), tmp_path_factory.mktemp("store"), free_port())
    for name, kind in kinds.items():
        command("pack", str(kind.folder), "--name", name)
    command("start")
    yield command
    command("stop")


NAMES = ["plain", "sharded", "pickled", "shards", "dense", "old", "cross", "splade", "classes", "google"]


@pytest.mark.parametrize("name", NAMES)
def test_pack_inspect_serve(served: Cli, kinds: dict[str, Kind], name: str) -> None:
    kind = kinds[name]
    shown = json.loads(served("inspect", name, "--json").stdout)
    assert shown["task"] == kind.task
    assert any(file.endswith((".safetensors", ".bin")) for file in shown["origin"]["files"])
    info = requests.get(f"{served.url}/predictions/{name}/1.0/info", timeout=60).json()
    assert info["origin"] == shown["origin"]
    assert sorted(info["tasks"]) == sorted(shown["tasks"])
    answer = requests.post(f"{served.url}/predictions/{name}", json=kind.body, timeout=60)
    assert answer.status_code == 200, answer.text
    assert np.abs(np.array(kind.read(answer.json())) - kind.expected(kind.folder)).max() < 1e-5


def test_every_kind_is_asked(kinds: dict[str, Kind]) -> None:
    assert list(kinds) == NAMES


def test_an_archive_without_token_states_is_checked_added_and_upgraded(served: Cli, kinds: dict[str, Kind]) -> None:
    folder = str(kinds["classes"].folder)
    served("pack", folder, "--name", "more", "--check")
    assert "answers 4" not in served("start", "more").stderr
    served("pack", folder, "--name", "more", "--version", "2.0")
    served("upgrade", "more")
    info = requests.get(f"{served.url}/predictions/more/2.0/info", timeout=60).json()
    assert "embedding" not in info["tasks"]
    document = requests.get(f"{served.url}/predictions/more/2.0/openapi.json", timeout=60).json()
    (vertex,) = (each for path, each in document["paths"].items() if path.endswith("/vertex"))
    assert '"task": "tokenize"' in json.dumps(vertex)
