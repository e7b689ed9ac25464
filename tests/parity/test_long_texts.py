"""A document of 5,000 words to each task, under each policy for what is too long."""

import numpy as np
import orjson
import pytest
import torch
from transformers import AutoModelForMaskedLM, AutoModelForSequenceClassification

from handler.types import Row
from tests import heads
from tests.asking import ask, check

WORDS = "ada lives in london and works with charles on naïve engines , unbelievably so . 我 住 在 北 京 🙂"
DOCUMENT = " ".join(np.random.default_rng(0).choice(WORDS.split(), 5000))
ROOM = heads.POSITIONS - 4  # a window without its two special tokens


@pytest.fixture(scope="module")
def pipeline_of(make, load):
    def built(head, **options):
        return load(make("Bert", head, **options), "packed")

    return built


@pytest.fixture(scope="module")
def ids(tokenizer):
    return tokenizer(DOCUMENT, add_special_tokens=False, verbose=False)["input_ids"]


@pytest.fixture(scope="module")
def chunks(ids, tokenizer):
    """The document's windows, as a reference model reads them."""
    parts = [ids[start : start + ROOM] for start in range(0, len(ids), ROOM)]
    return [torch.tensor([[tokenizer.cls_token_id, *part, tokenizer.sep_token_id]]) for part in parts]


def expected(policy, chunks, ids, tokenizer):
    """What a policy leaves of the document."""
    if policy == "windows":
        return chunks
    part = ids[:ROOM] if policy == "right" else ids[-ROOM:]
    return [torch.tensor([[tokenizer.cls_token_id, *part, tokenizer.sep_token_id]])]


def refused(pipeline, **body):
    (reply,) = pipeline.answer([Row({"body": orjson.dumps(body)}, {}, "application/json")])
    return reply.status, orjson.loads(reply.body)["error"]


TASKS = {
    "hidden-states": ("Model", {"inputs": DOCUMENT}),
    "embedding": ("Model", {"inputs": DOCUMENT}),
    "similarity": ("Model", {"source": "ada", "sentences": [DOCUMENT]}),
    "rerank": ("ForSequenceClassification", {"query": "ada", "texts": [DOCUMENT]}),
    "text-classification": ("ForSequenceClassification", {"inputs": DOCUMENT}),
    "token-classification": ("ForTokenClassification", {"inputs": DOCUMENT}),
    "question-answering": ("ForQuestionAnswering", {"question": "who?", "context": DOCUMENT}),
    "fill-mask": ("ForMaskedLM", {"inputs": f"[MASK] {DOCUMENT} [MASK]"}),
    "sparse-embedding": ("ForMaskedLM", {"inputs": DOCUMENT}),
}


@pytest.mark.parametrize("task", TASKS)
def test_error_names_both_lengths_and_the_others_cut_or_do_not(pipeline_of, task, ids):
    head, body = TASKS[task]
    ours = pipeline_of(head, **(heads.labels(["score"]) if "Sequence" in head else {}))
    status, error = refused(ours, task=task, truncation="error", **body)
    assert status == 413
    assert "longer than the model's 64" in error
    assert any(str(len(ids) + more) in error for more in range(8))
    for policy, cut in (("right", "1"), ("left", "1"), ("windows", "0")):
        raw = orjson.dumps({"task": task, "truncation": policy, **body})
        (reply,) = ours.answer([Row({"body": raw}, {}, "application/json")])
        assert (reply.status, reply.headers["x-truncated"]) == (200, cut), policy


@pytest.mark.parametrize("policy", ["right", "left", "windows"])
def test_scores_of_windows_are_averaged_by_tokens(make, pipeline_of, chunks, ids, tokenizer, policy):
    options = heads.labels(["bad", "good", "fair"])
    model = AutoModelForSequenceClassification.from_pretrained(make("Bert", "ForSequenceClassification", **options))
    parts = expected(policy, chunks, ids, tokenizer)
    with torch.no_grad():
        scores = torch.stack([model(part).logits[0] * part.shape[1] for part in parts]).sum(0)
    want = (scores / sum(part.shape[1] for part in parts)).softmax(0)
    (got,) = ask(pipeline_of("ForSequenceClassification", **options), {"inputs": DOCUMENT, "truncation": policy})
    check(
        {item["label"]: item["score"] for item in got}, dict(zip(["bad", "good", "fair"], want.tolist(), strict=True))
    )


@pytest.mark.parametrize("policy", ["right", "left", "windows"])
def test_weights_of_words_are_the_largest_of_any_window(make, pipeline_of, chunks, ids, tokenizer, policy):
    model = AutoModelForMaskedLM.from_pretrained(make("Bert", "ForMaskedLM"))
    with torch.no_grad():
        peaks = [model(part).logits[0].max(0).values for part in expected(policy, chunks, ids, tokenizer)]
    want = torch.stack(peaks).max(0).values.relu().log1p()
    body = {"task": "sparse-embedding", "inputs": DOCUMENT, "truncation": policy}
    (got,) = ask(pipeline_of("ForMaskedLM"), body)
    check({item["index"]: item["value"] for item in got}, {i: float(want[i]) for i in want.nonzero()[:, 0].tolist()})


@pytest.mark.parametrize(("policy", "stride"), [("right", 0), ("left", 0), ("windows", 0), ("windows", 20)])
def test_every_token_is_labelled_once(pipeline_of, tokenizer, policy, stride):
    ours = pipeline_of("ForTokenClassification", **heads.labels(heads.LABELS))
    body = {"truncation": policy, "stride": stride, "aggregation_strategy": "none", "ignore_labels": []}
    (got,) = ask(ours, {"inputs": DOCUMENT, **body})
    places = tokenizer(DOCUMENT, add_special_tokens=False, return_offsets_mapping=True, verbose=False)["offset_mapping"]
    wanted = {"right": places[:ROOM], "left": places[-ROOM:], "windows": places}[policy]
    assert [(item["start"], item["end"]) for item in got] == wanted
    first = len(places) - ROOM if policy == "left" else 0
    assert [item["index"] for item in got] == list(range(first + 1, first + 1 + len(wanted)))


def test_a_token_is_labelled_by_the_window_that_sees_most_around_it(pipeline_of, tokenizer, ids):
    ours = pipeline_of("ForTokenClassification", **heads.labels(heads.LABELS))
    options = {"aggregation_strategy": "none", "ignore_labels": []}
    (whole,) = ask(ours, {"inputs": DOCUMENT, "stride": 20, **options})
    place = ROOM - 20 + 11  # in the second window with 11 tokens before it, in the first with 8 after it
    second = DOCUMENT[whole[ROOM - 20]["start"] : whole[2 * ROOM - 21]["end"]]
    (alone,) = ask(ours, {"inputs": second, **options})
    assert alone[11]["score"] == pytest.approx(whole[place]["score"], abs=1e-5)
    assert alone[11]["entity"] == whole[place]["entity"]


def test_a_mask_that_was_cut_off_is_said_and_windows_fill_each(pipeline_of):
    ours = pipeline_of("ForMaskedLM")
    body = {"inputs": f"{DOCUMENT} [MASK]"}
    status, error = refused(ours, **body)
    assert status == 422
    assert "[MASK]" in error
    assert "windows" in error
    assert len(ask(ours, {**body, "truncation": "left"})[0]) == 5
    both = ask(ours, {"inputs": f"[MASK] {DOCUMENT} [MASK]", "truncation": "windows", "top_k": 2})
    assert [len(fills) for fills in both[0]] == [2, 2]


def test_answers_come_from_what_was_read(pipeline_of):
    ours = pipeline_of("ForQuestionAnswering")
    body = {"question": "who?", "context": DOCUMENT, "top_k": 20}
    ends = {policy: ask(ours, {**body, "truncation": policy}) for policy in ("right", "left", "windows")}
    assert max(answer["end"] for answer in ends["right"]) < 400
    assert min(answer["start"] for answer in ends["left"]) > len(DOCUMENT) - 400
    assert ends["windows"] == ask(ours, body)
    for answer in ends["left"]:
        assert answer["answer"] == DOCUMENT[answer["start"] : answer["end"]]
