"""`bert evaluate` and `bert compare` on archives of every kind, without a server."""

import json
import shutil
import xml.etree.ElementTree as ET
import zipfile

import pytest

from handler import open_archive
from scripts.packing import pack as packer
from tests.e2e.conftest import Cli

CATS, CARS = ["a cat sat on a mat", "cats purr", "my cat sleeps"], ["the car is fast", "cars need fuel", "a red car"]


@pytest.fixture(scope="module")
def store(folders, minilm, tiny, tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    for name in ("classes", "entities", "reranker"):
        packer.pack(folders[name], name, "1.0", {}, store)
    packer.pack(minilm, "bert", "1.0", {}, store)
    packer.pack(minilm, "bert-int8", "1.0", {"handler": {"dtype": "int8"}}, store)
    packer.pack(tiny, "tiny", "1.0", {}, store)
    return store


@pytest.fixture
def bert(store, tmp_path, tmp_path_factory, monkeypatch):
    monkeypatch.setenv("BERT_CACHE", str(tmp_path_factory.getbasetemp() / "archives"))
    command = Cli(tmp_path / "runs", store, 1)  # nothing listens
    return lambda *words, **more: command(*map(str, words), **more)


@pytest.fixture
def collection(tmp_path):
    folder = tmp_path / "collection"
    folder.mkdir()
    lines = [{"_id": f"d{number}", "title": "", "text": text} for number, text in enumerate([*CATS, *CARS])]
    (folder / "corpus.jsonl").write_text("\n".join(map(json.dumps, lines)))
    asked = {"cat": "which animals purr and sleep", "car": "fast vehicles with fuel", "nobody": "judged this"}
    (folder / "queries.jsonl").write_text("\n".join(json.dumps({"_id": k, "text": v}) for k, v in asked.items()))
    judged = [("cat", "d0"), ("cat", "d1"), ("cat", "d2"), ("car", "d3"), ("car", "d4"), ("car", "gone")]
    rows = ["query-id\tcorpus-id\tscore", *(f"{query}\t{document}\t1" for query, document in judged)]
    (folder / "qrels.tsv").write_text("\n".join(rows) + "\n")
    return folder


def test_two_precisions_are_compared(bert, tmp_path):
    chart = tmp_path / "chart.svg"
    found = json.loads(bert("compare", "bert", "bert-int8", "--rounds", 1, "--chart", chart, "--json").stdout)
    apart, rows = found["apart"], found["archives"]
    assert 0.95 < apart["cosine_min"] < apart["cosine_mean"] < 0.9999
    assert 0.98 < apart["similarity_spearman"] < 1
    assert 0.5 < apart["neighbours"] < 1
    assert (found["texts"], found["task"], found["notes"]) == (500, "embedding", [])
    assert [row["dtype"] for row in rows] == ["float32", "int8"]
    for row in rows:
        assert 10 < row["tokens_per_second"] / row["texts_per_second"] < 50
    words = "".join(ET.parse(chart).getroot().itertext())
    assert "bert and bert-int8: cosine of both vectors of a text" in words


def test_an_archive_is_like_itself_and_other_code_is_said(bert, store, tmp_path):
    other = tmp_path / "other.mar"
    with zipfile.ZipFile(store / "classes.mar") as old, zipfile.ZipFile(other, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name) + (b"# changed\n" if name == "handler/text.py" else b""))
    texts = tmp_path / "texts.txt"
    texts.write_text("\n\n".join([*CATS, *CARS]))
    words = ("compare", "classes", other, "--texts", texts, "--rounds", 1)
    found = json.loads(bert(*words, "--json").stdout)
    apart = {"agreement": 1, "labels_in_common": 3, "score_difference_max": 0, "score_difference_mean": 0}
    assert found["apart"] == apart
    assert (found["task"], found["texts"]) == ("text-classification", 6)
    assert found["notes"] == [
        "the archives carry different versions of the package handler; each is computed by its own"
    ]
    assert "times as fast as classes" in bert(*words).stdout


@pytest.mark.parametrize(
    ("name", "figures"),
    [
        ("entities", {"agreement": 1, "entity_f1": 1, "score_difference_max": 0}),
        ("reranker", {"score_spearman": 1, "score_difference_max": 0}),
    ],
)
def test_heads_are_compared(bert, tmp_path, name, figures):
    texts = tmp_path / "texts.txt"
    texts.write_text("\n".join([*CATS, *CARS, "Ada Lovelace lived in London."]))
    found = json.loads(bert("compare", name, name, "--texts", texts, "--rounds", 1, "--json").stdout)
    assert {key: found["apart"][key] for key in figures} == pytest.approx(figures)


def test_vectors_of_different_sizes(bert, tmp_path):
    texts = tmp_path / "texts.txt"
    texts.write_text("\n".join([*CATS, *CARS]))
    found = json.loads(bert("compare", "bert", "tiny", "--texts", texts, "--rounds", 1, "--json").stdout)
    assert found["apart"]["cosine_min"] is None
    assert -1 < found["apart"]["similarity_spearman"] < 1
    assert found["apart"]["nearest"] == 5
    assert found["notes"] == ["vectors of 384 and 32 numbers have no cosine"]


def test_texts_with_labels(bert, store, tmp_path, monkeypatch):
    data, page = tmp_path / "data.jsonl", tmp_path / "page.html"
    labels = ["good", "bad", "good", "fair", "unheard", "good"]
    rows = [{"text": text, "label": label} for text, label in zip([*CATS, *CARS], labels, strict=True)]
    data.write_text("\n".join(map(json.dumps, rows)))
    found = json.loads(bert("evaluate", "classes", "--data", data, "--report", page, "--json").stdout)
    (archive,) = found["archives"]
    with open_archive(store / "classes.mar") as model:
        best = [row[0]["label"] for row in model.text_classification([row["text"] for row in rows])]
    hits = sum(one == other for one, other in zip(labels, best, strict=True))
    assert archive["figures"]["accuracy"]["value"] == hits / 6
    assert archive["figures"]["accuracy"]["low"] <= hits / 6 <= archive["figures"]["accuracy"]["high"]
    assert (found["task"], found["examples"]) == ("text-classification", 6)
    assert "unheard" in archive["notes"][0]
    text = page.read_text("utf-8")
    assert "<script" not in text
    assert text.count("<svg") == 2
    assert "http" not in text.replace('xmlns="http://www.w3.org/2000/svg"', "")
    ET.fromstring(text.removeprefix("<!DOCTYPE html>"))


def test_entities(bert, store, tmp_path):
    data = tmp_path / "data.jsonl"
    text = "Ada Lovelace lived in London."
    with open_archive(store / "entities.mar") as model:
        (items,) = model.token_classification([text])
    right = [{"start": item["start"], "end": item["end"], "label": item["entity_group"]} for item in items]
    data.write_text(json.dumps({"text": text, "entities": right}))
    found = json.loads(bert("evaluate", "entities", "--data", data, "--json").stdout)
    assert found["archives"][0]["figures"]["f1"] == {"value": 1, "low": 1, "high": 1}
    assert found["task"] == "token-classification"


def test_pairs_of_two_archives(bert, tmp_path):
    data = tmp_path / "pairs.csv"
    rows = [("a cat", "a kitten", 5), ("a cat", "a dog", 3), ("a cat", "tax law", 0), ("rain", "drizzle", 4)]
    data.write_text("sentence1,sentence2,score\n" + "".join(f"{a},{b},{c}\n" for a, b, c in rows))
    found = json.loads(bert("evaluate", "bert", "reranker", "--data", data, "--json").stdout)
    one, other = (archive["figures"]["spearman"]["value"] for archive in found["archives"])
    assert one == pytest.approx(1)
    assert found["differences"]["spearman"]["value"] == pytest.approx(other - one)
    shown = bert("evaluate", "bert", "reranker", "--data", data).stdout
    assert "difference" in shown
    assert "Spearman" in shown


def test_retrieval_and_reranking(bert, collection, tmp_path):
    page = tmp_path / "page.html"
    found = json.loads(bert("evaluate", "bert", "--data", collection, "--report", page, "--json").stdout)
    figures = {key: figure["value"] for key, figure in found["archives"][0]["figures"].items()}
    assert figures["mrr@10"] == 1
    assert figures["recall@10"] == figures["recall@100"] == pytest.approx((1 + 2 / 3) / 2)
    assert found["archives"][0]["notes"] == [
        "queries without judgements, which are left out: 1",
        "judgements of documents that are not in the corpus, which count as not found: 1",
    ]
    assert "nDCG@10 of each query" in page.read_text("utf-8")
    data = tmp_path / "candidates.jsonl"
    data.write_text(json.dumps({"query": "animals that purr", "positive": CATS[1:2], "negative": CARS}) + "\n")
    found = json.loads(bert("evaluate", "bert", "--data", data, "--json").stdout)
    assert found["task"] == "reranking"
    assert found["archives"][0]["figures"]["map"]["value"] == 1


def test_what_cannot_be_measured_says_why(bert, store, collection, tmp_path):
    def refused(*words):
        return bert(*words, expect=1).stderr

    assert "there is no" in refused("evaluate", "none", "--data", collection)
    data = tmp_path / "data.csv"
    data.write_text("text,label\na cat,animal\n")
    assert "bert has no text-classification, which text-classification needs" in refused(
        "evaluate", "bert", "--data", data
    )
    assert "it has bad, good, fair, the data animal" in refused("evaluate", "classes", "--data", data)
    assert "bert is for embedding, and classes for text-classification" in refused("compare", "bert", "classes")
    old = tmp_path / "old.mar"
    shutil.copy(store / "classes.mar", old)
    with zipfile.ZipFile(store / "classes.mar") as packed, zipfile.ZipFile(old, "w") as new:
        for name in packed.namelist():
            content = b"" if name == "handler/__init__.py" else packed.read(name)
            new.writestr(name, content)
    assert "packed before archives could be opened without a server; pack it again" in refused(
        "compare", "classes", old
    )
