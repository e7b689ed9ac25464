"""`question-answering` against what transformers 5.2 answered; `tests/data/answers.json` states its origin."""

import json
from pathlib import Path

import orjson
import pytest

from handler.types import Row
from tests.asking import ask, check

STORED = json.loads((Path(__file__).parents[1] / "data" / "answers.json").read_text())
NAMES = {"max_answer_len": "max_answer_length", "doc_stride": "stride"}


@pytest.fixture
def ours(make, load, family, runtime):
    return load(make(family, "ForQuestionAnswering"), runtime)


@pytest.fixture
def groups(family):
    """What was asked of this family, and answered."""
    return [
        ({"stride": 32} | {NAMES.get(key, key): value for key, value in group["options"].items()}, group["answers"])
        for group in STORED["groups"]
        if group["family"] == family
    ]


def test_one_question_at_a_time(ours, groups):
    for options, answers in groups:
        for question, want in zip(STORED["questions"], answers, strict=True):
            check(ask(ours, {**question, **options}), want)


def test_all_in_one_batch(ours, groups):
    bodies = [{**question, **options} for options, _ in groups for question in STORED["questions"]]
    check(ask(ours, *bodies), [want for _, answers in groups for want in answers])
    for options, answers in groups:
        check(ask(ours, {"inputs": STORED["questions"], **options}), answers)


def test_any_longest_answer(make, load):
    ours = load(make("Bert", "ForQuestionAnswering"), "packed")
    body = {"question": "who?", "context": "Ada lives in London", "top_k": 5}
    assert ask(ours, {**body, "max_answer_length": 2**64 - 1}) == ask(ours, {**body, "max_answer_length": 50})


def test_nothing_to_read_is_said(make, load):
    ours = load(make("Bert", "ForQuestionAnswering"), "packed")
    for body in ({"question": "\u200b", "context": "Ada"}, {"question": "who?", "context": "\u200b\u200b"}):
        (reply,) = ours.answer([Row({"body": orjson.dumps(body)}, {}, "application/json")])
        assert reply.status == 422
        assert b"nothing that the model reads" in reply.body
