"""One of several choices, and whether a text follows another one: heads of a sequence against transformers' classes."""

from __future__ import annotations

import pytest
import torch
import transformers

from scripts.console import Failure
from scripts.packing import pack as packer
from scripts.sources import checkpoint as checkpoints
from tests.asking import ask, check

PROMPT = "In Italy, pizza served in formal settings is presented unsliced."
CHOICES = ["It is eaten with a fork and a knife.", "It is eaten while held in the hand.", "naïve café 🙂", "我住在北京"]
CASES = [
    *(("Bert", runtime) for runtime in ("native", "packed", "onnx", "eager")),
    *((family, "native") for family in ("Roberta", "DistilBert", "Albert", "Electra", "MPNet", "Ernie", "DebertaV2")),
    ("ModernBert", "packed"),
]


def logits(folder, name, pairs):
    """Of a class of transformers, a row for each pair."""
    model = getattr(transformers, name).from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    with torch.no_grad():
        return [scores(model, tokenizer(*pair, return_tensors="pt")) for pair in pairs]


def scores(model, encoded):
    """Of one pair; a choice is one of a list of them."""
    if "MultipleChoice" in type(model).__name__:
        return model(**{key: value.unsqueeze(0) for key, value in encoded.items()}).logits[0, 0].item()
    return model(**encoded).logits[0].softmax(0).tolist()


@pytest.mark.parametrize(("family", "runtime"), CASES, ids=[" ".join(case) for case in CASES])
def test_choices_are_ranked_by_the_scores_of_transformers(make, load, family, runtime):
    folder = make(family, "ForMultipleChoice", **MORE.get(family, {}))
    ours, expected = load(folder, runtime), logits(folder, f"{family}ForMultipleChoice", [(PROMPT, c) for c in CHOICES])
    info = ask(ours, {"task": "info"})
    assert (info["task"], info["labels"]) == ("rerank", ["choice"])
    found = ask(ours, {"query": PROMPT, "texts": CHOICES})
    check([item["score"] for item in found], sorted(expected, reverse=True))
    assert [item["index"] for item in found] == sorted(range(len(CHOICES)), key=lambda number: -expected[number])
    of_each = torch.tensor(expected).sigmoid().tolist()
    pairs = ask(ours, {"task": "text-classification", "inputs": [[PROMPT, choice] for choice in CHOICES]})
    check(pairs, [[{"label": "choice", "score": score}] for score in of_each])


@pytest.mark.parametrize(("family", "runtime"), [*CASES[:4], ("Ernie", "native"), ("MegatronBert", "native")])
def test_a_text_follows_another_as_likely_as_in_transformers(make, load, family, runtime):
    folder = make(family, "ForNextSentencePrediction")
    pairs = [(PROMPT, choice) for choice in CHOICES]
    ours, expected = load(folder, runtime), logits(folder, f"{family}ForNextSentencePrediction", pairs)
    found = ask(ours, {"inputs": [list(pair) for pair in pairs]})
    for labelled, (follows, not_follows) in zip(found, expected, strict=True):
        by_label = {item["label"]: item["score"] for item in labelled}
        check([by_label["is_next"], by_label["not_next"]], [follows, not_follows])
    assert not packer.configure(checkpoints.read(folder), {}).handler.rerank  # two scores make no order


def test_what_a_summary_reads_is_said_by_the_configuration(make, load, tmp_path):
    folder = make("Electra", "ForMultipleChoice", **MORE["Electra"], summary_type="mean", summary_activation="tanh")
    expected = logits(folder, "ElectraForMultipleChoice", [(PROMPT, choice) for choice in CHOICES])
    found = ask(load(folder, "native"), {"query": PROMPT, "texts": CHOICES})
    check([item["score"] for item in found], sorted(expected, reverse=True))
    checkpoint = checkpoints.read(make("Electra", "ForMultipleChoice", **MORE["Electra"], summary_type="last"))
    with pytest.raises(Failure, match=r"summary_type of config\.json is last"):
        packer.stage(checkpoint, tmp_path, "native")


def test_a_family_that_scores_by_the_last_token_is_refused(make, load):
    folder = make("RoFormer", "ForMultipleChoice")
    with pytest.raises(Failure, match="cannot do rerank") as caught:
        packer.configure(checkpoints.read(folder), {})
    assert caught.value.why == "heads of RoFormerForMultipleChoice are not supported; --runtime eager has them"


MORE = {"Electra": {"embedding_size": 20}, "Albert": {"embedding_size": 20}, "ModernBert": {"local_attention": 16}}
"""Keys that the shape of a family needs."""
