"""`explanations` against gradients and attention of the transformers model itself."""

import numpy as np
import orjson
import pytest
import torch
from transformers import AutoModel, AutoModelForSequenceClassification

from handler.types import Row
from tests import heads
from tests.asking import ask

TEXT = "Ada Lovelace lived in London, unbelievably 🙂"
LABELS = ["bad", "good", "fair"]
STEPS = 8


@pytest.fixture(params=["native", "packed", "onnx"])
def engine(request):
    return request.param


def reference(model, tokenizer, score, **pair):
    """Integrated gradients as the paper has them, over transformers' own embeddings."""
    inputs = tokenizer(**pair, return_tensors="pt")
    special = torch.tensor(tokenizer(**pair, return_special_tokens_mask=True)["special_tokens_mask"]).bool()
    ids = inputs.pop("input_ids")[0]
    table = model.get_input_embeddings().weight.detach()
    words, nothing = table[ids], table[torch.where(special, ids, tokenizer.pad_token_id)]
    sums = torch.zeros_like(words)
    for step in range(STEPS):
        vectors = (nothing + (step + 0.5) / STEPS * (words - nothing))[None].requires_grad_()
        sums += torch.autograd.grad(score(model(inputs_embeds=vectors, **inputs)), vectors)[0][0]
    with torch.no_grad():
        ends = [float(score(model(inputs_embeds=vectors[None], **inputs))) for vectors in (words, nothing)]
    return (sums / STEPS * (words - nothing)).sum(-1).numpy(), ends


@pytest.mark.parametrize("target", [None, "bad"])
def test_a_labels_score(make, load, family, engine, tokenizer, target):
    folder = make(family, "ForSequenceClassification", **heads.labels(LABELS))
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.no_grad():
        best = int(model(**tokenizer(TEXT, "a pair", return_tensors="pt")).logits.argmax()) if target is None else 0
    want, ends = reference(model, tokenizer, lambda out: out.logits[0, best], text=TEXT, text_pair="a pair")
    body = {"task": "explanations", "inputs": [[TEXT, "a pair"]], "steps": STEPS, "target": target}
    [[got]] = ask(load(folder, engine), body)
    assert got["target"] == LABELS[best]
    assert np.abs(np.array(got["attributions"]) - want).max() < 1e-5
    assert [got["score"], got["baseline"]] == pytest.approx(ends, abs=1e-5)
    assert got["convergence_delta"] == pytest.approx(ends[0] - ends[1] - want.sum(), abs=1e-4)


def test_the_score_of_a_text_with_a_padding_token(make, load, family, engine, tokenizer):
    """Positions come from the ids, which the reference above does not see."""
    folder = make(family, "ForSequenceClassification", **heads.labels(LABELS))
    text = f"Ada {tokenizer.pad_token} lived in {tokenizer.pad_token} London"
    with torch.no_grad():
        model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
        want = float(model(**tokenizer(text, return_tensors="pt")).logits[0, 1])
    [[got]] = ask(load(folder, engine), {"task": "explanations", "inputs": text, "steps": 1, "target": LABELS[1]})
    assert got["score"] == pytest.approx(want, abs=1e-5)


def test_the_weights_of_packed_are_not_loaded_twice(minilm, load, engine):
    ours = load(minilm, engine)
    explainer = ours.tasks["explanations"].model.explain()
    assert (explainer.model is ours.runtime) == (engine == "packed")


def test_attention_and_the_mean_state(minilm, load, engine, tokenizer):
    model = AutoModel.from_pretrained(minilm, attn_implementation="eager").eval()
    want, _ = reference(model, tokenizer, lambda out: out.last_hidden_state[0].mean(0).norm(), text=TEXT)
    ours = load(minilm, engine)
    [[got]] = ask(ours, {"task": "explanations", "inputs": TEXT, "steps": STEPS, "attention": True})
    assert np.abs(np.array(got["attributions"]) - want).max() < 1e-4
    with torch.no_grad():
        maps = model(**tokenizer(TEXT, return_tensors="pt"), output_attentions=True).attentions
    assert np.abs(np.array(got["attention"]) - torch.cat(maps).numpy()).max() < 1e-5
    assert got["tokens"][:2] == ["[CLS]", "ada"]
    assert "".join(TEXT[start:stop] for start, stop in got["offsets"][1:3]) == "AdaLove"


@pytest.mark.parametrize(("words", "steps"), [(1, 1), (31, 32), (60, 17)])
def test_any_number_of_steps_and_tokens(make, load, words, steps):
    ours = load(make("Bert", "ForSequenceClassification", **heads.labels(LABELS)), "packed")
    [[got]] = ask(ours, {"task": "explanations", "inputs": "word " * words, "steps": steps})
    assert len(got["attributions"]) == words + 2


def test_attention_that_would_be_too_large_is_refused_before_it_is_computed(make, load, monkeypatch):
    ours = load(make("Bert", "ForSequenceClassification", **heads.labels(LABELS)), "packed")
    monkeypatch.setattr("handler.tasks.explanations.BYTES", 10**6)
    body = orjson.dumps({"inputs": "word " * 60, "attention": True, "steps": 512})
    (reply,) = ours.answer([Row({"body": body}, {}, "application/json", "explanations")])
    assert reply.status == 413


def test_a_text_whose_gradient_would_take_too_much_memory_is_refused_and_no_other(make, load, monkeypatch):
    ours = load(make("Bert", "ForSequenceClassification", **heads.labels(LABELS)), "packed")
    maps = ours.tasks["explanations"].model.explain().maps
    monkeypatch.setattr("handler.tasks.explanations.KEPT_BYTES", 4 * maps * 20**2)
    rows = [Row({"body": orjson.dumps({"inputs": "word " * words})}, {}, "", "explanations") for words in (18, 19)]
    replies = ours.answer(rows)
    assert [reply.status for reply in replies] == [200, 413]
    assert b"an explanation of 21 tokens" in replies[1].body
    assert b"that is 20 tokens" in replies[1].body


def test_a_request_may_not_take_its_neighbours_time(make, load, monkeypatch):
    ours = load(make("Bert", "ForSequenceClassification", **heads.labels(LABELS)), "packed")
    monkeypatch.setattr("handler.tasks.explanations.SHARE", 0.0)
    rows = [{"task": "explanations", "inputs": TEXT}, {"task": "text-classification", "inputs": TEXT}]
    replies = ours.answer([Row({"body": orjson.dumps(body)}, {}, "application/json") for body in rows])
    assert [reply.status for reply in replies] == [413, 200]


def test_more_steps_leave_less(make, load, tokenizer):
    ours = load(make("Bert", "ForSequenceClassification", **heads.labels(LABELS)), "packed")
    rests = [
        ask(ours, {"task": "explanations", "inputs": TEXT, "steps": steps})[0][0]["convergence_delta"]
        for steps in (2, 128)
    ]
    assert abs(rests[1]) < abs(rests[0]) / 10


def test_what_cannot_be_explained_says_so(make, load, minilm):
    def asked(pipeline, **body):
        (reply,) = pipeline.answer([Row({"body": orjson.dumps(body)}, {}, "application/json", "explanations")])
        return reply.status, orjson.loads(reply.body).get("error")

    classes = make("Bert", "ForSequenceClassification", **heads.labels(LABELS))
    assert asked(load(classes, "packed"), inputs=TEXT, target="god") == (
        422,
        "unknown target 'god'; did you mean 'good'? Known: bad, fair, good",
    )
    assert asked(load(minilm, "packed"), inputs=TEXT, target="good")[0] == 422
    assert asked(load(classes, "eager"), inputs=TEXT)[0] == 404
