"""Labels of a request's own choice against transformers' zero-shot pipeline."""

import json

import pytest
from huggingface_hub import ZeroShotClassificationOutputElement
from transformers import pipeline

from scripts.console import Failure
from scripts.packing import pack as packer
from scripts.sources import checkpoint as checkpoints
from tests import heads
from tests.asking import ask, check

TEXTS = ["Ada Lovelace lived in London.", "naïve café in Zürich, isn't it?", "very long indeed " * 40, "x"]
LABELS = ["history", "food & drink", "旅行"]
NLI = [
    ("Bert", "native", ["contradiction", "neutral", "entailment"]),
    ("Roberta", "packed as on a GPU", ["Entailment", "not_entailment"]),
    ("DistilBert", "onnx", ["neutral", "ENTAILMENT", "contradiction"]),
]


def expected(theirs, texts, **options):
    found = [theirs(text, **options) for text in texts]
    return [
        [{"label": label, "score": score} for label, score in zip(each["labels"], each["scores"], strict=True)]
        for each in found
    ]


@pytest.mark.parametrize(("family", "runtime", "names"), NLI, ids=[family for family, *_ in NLI])
def test_labels_have_the_scores_of_transformers(make, load, family, runtime, names):
    folder = make(family, "ForSequenceClassification", **heads.labels(names))
    ours, theirs = load(folder, runtime), pipeline("zero-shot-classification", str(folder), device="cpu")
    for options in (
        {"candidate_labels": LABELS},
        {"candidate_labels": LABELS, "multi_label": True},
        {"candidate_labels": "history, food & drink,", "hypothesis_template": "About {}!"},
        {"candidate_labels": LABELS, "hypothesis_template": "{0}, {{so}} it is {0}."},
        {"candidate_labels": ["history"]},
    ):
        found = ask(ours, {"task": "zero-shot-classification", "inputs": TEXTS, **options})
        check(found, expected(theirs, TEXTS, **options))


def test_windows_hold_the_whole_sentence_of_a_label(make, load):
    family, runtime, names = NLI[0]
    folder = make(family, "ForSequenceClassification", **heads.labels(names))
    body = {"task": "zero-shot-classification", "inputs": TEXTS[2], "candidate_labels": LABELS}
    cut, whole = (ask(load(folder, runtime), {**body, "truncation": policy}) for policy in ("right", "windows"))
    assert cut != whole
    assert {item["label"] for item in whole[0]} == {*LABELS}


def test_the_body_and_the_answer_of_hugging_faces_client(make, load):
    family, runtime, names = NLI[0]
    folder = make(family, "ForSequenceClassification", **heads.labels(names))
    ours, theirs = load(folder, runtime), pipeline("zero-shot-classification", str(folder), device="cpu")
    parameters = {"candidate_labels": LABELS, "multi_label": True, "hypothesis_template": None}
    answer = ask(ours, {"inputs": TEXTS[0], "parameters": parameters}, path="hf/zero-shot-classification")
    read = ZeroShotClassificationOutputElement.parse_obj_as_list(answer)
    check([[dict(item) for item in read]], expected(theirs, TEXTS[:1], candidate_labels=LABELS, multi_label=True))
    assert ask(ours, {"inputs": TEXTS[0], "parameters": parameters}, path="hf") == answer


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"candidate_labels": []}, 422, "candidate_labels"),
        ({"candidate_labels": ["a", " "]}, 422, "has an empty label"),
        ({"candidate_labels": ", ,"}, 422, "candidate_labels"),
        ({"candidate_labels": ["a"], "hypothesis_template": "none"}, 422, "has no {} for the label"),
        ({"candidate_labels": ["a", "b"], "inputs": ["x", " "]}, 422, "text 2 of 2 is empty"),
        ({"candidate_labels": ["a"] * 3000}, 413, "3000 texts in one request"),
        ({"candidate_labels": ["a b " * 40]}, 413, "leave room for"),
        ({"candidate_labels": ["a"], "hypothesis_template": "{0.__class__} {}"}, 422, "braces that hold something"),
        ({"candidate_labels": ["a"], "hypothesis_template": "{:>9}"}, 422, "braces that hold something"),
        ({"candidate_labels": ["a"], "hypothesis_template": "{}}"}, 422, "Single '}' encountered"),
    ],
)
def test_wrong_requests(make, load, body, status, words):
    family, runtime, names = NLI[0]
    ours = load(make(family, "ForSequenceClassification", **heads.labels(names)), runtime)
    found = ask(ours, {"task": "zero-shot-classification", "inputs": TEXTS[2], **body}, status=status)
    assert words in json.dumps(found)


def test_a_head_of_something_else_has_no_such_task(make):
    folder = make("Bert", "ForSequenceClassification", **heads.labels(["bad", "good", "fair"]))
    with pytest.raises(Failure, match="cannot do zero-shot-classification"):
        packer.configure(checkpoints.read(folder), {"handler": {"task": "zero-shot-classification"}})
