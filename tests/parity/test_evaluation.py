"""Figures of `evaluate` against scikit-learn, seqeval, SciPy, pytrec_eval and ranx, on the same generated answers."""

import json
from itertools import chain

import numpy as np
import pytest

from scripts.evaluation import ranking
from scripts.evaluation.beir import Collection
from scripts.evaluation.candidates import Candidates
from scripts.evaluation.pairs import Pair
from scripts.evaluation.tasks import TASKS
from scripts.evaluation.tasks.retrieval import best
from scripts.finetuning import metrics
from scripts.finetuning.entities import tagged
from scripts.finetuning.examples import Labelled
from scripts.paths import ROOT

REFERENCES = json.loads((ROOT / "tests" / "evaluation" / "references.json").read_text("utf-8"))
KEYS = ("precision", "recall", "f1", "support")
near = {"rel": 1e-9, "abs": 1e-9}
QUERY = {"ndcg@10": "ndcg_cut_10", "recall@10": "recall_10", "recall@100": "recall_100"}
RERANKED = {"map": "map", "mrr": "recip_rank", "ndcg@10": "ndcg_cut_10"}


def cases(family, wanted=lambda case: True):
    found = [case for case in REFERENCES[family] if wanted(case)]
    return pytest.mark.parametrize("case", found, ids=lambda case: case["shape"])


def by_label(labels):
    return {name: [row[key] for key in KEYS] for name, row in labels.items()}


def close(got, want):
    assert got.keys() == want.keys()
    for name in want:
        assert got[name] == pytest.approx(want[name], **near, nan_ok=True), name


@cases("classification")
def test_labels_are_as_in_scikit_learn(case):
    data = [Labelled(0, "text", None, label) for label in case["true"]]
    outcome = TASKS["text-classification"].measure(data, case["predicted"])
    close(outcome.figures(outcome.rows), case["figures"])
    close(by_label(outcome.details["labels"]), case["labels"])
    assert outcome.details["confusion"] == case["confusion"]
    whole = metrics.of_labels(case["true"], case["predicted"], sorted({*case["true"], *case["predicted"]}))
    close({key: whole[key] for key in case["figures"]}, case["figures"])  # what finetune reports


@cases("entities")
def test_entities_are_as_in_seqeval(case):
    def read(sentences):
        return [tagged(0, {"tokens": ["word"] * len(tags), "tags": tags}) for tags in sentences]

    predicted = [[*example.entities] for example in read(case["predicted"])]
    outcome = TASKS["token-classification"].measure(read(case["true"]), predicted)
    close(outcome.figures(outcome.rows), case["figures"] or dict.fromkeys(outcome.figures(outcome.rows), 0.0))
    close(by_label(outcome.details["labels"]), case["labels"])


@cases("sts")
def test_correlations_are_as_in_scipy(case):
    data = [Pair("one", "other", score) for score in case["true"]]
    outcome = TASKS["sts"].measure(data, case["predicted"])
    want = {key: float("nan") if value is None else value for key, value in case["figures"].items()}
    close(outcome.figures(outcome.rows), want)


@cases("ranking")
def test_rankings_are_as_in_pytrec_eval(case):
    texts = dict.fromkeys(case["names"], "text")
    data = Collection(texts, {query: f"{query}?" for query in case["scores"]}, case["judged"], 0)
    scores = [np.array(row) for row in case["scores"].values()]
    outcome = TASKS["retrieval"].measure(data, list(best(data, iter(scores))))
    titles = list(TASKS["retrieval"].titles)
    for row, (query, want) in zip(outcome.rows, case["queries"].items(), strict=True):
        got = dict(zip(titles, row, strict=True))
        mrr = want["recip_rank"] if want["recip_rank"] >= 1 / 10 else 0
        close(got, {name: want[theirs] for name, theirs in QUERY.items()} | {"mrr@10": mrr}), query
    if "means" in case:
        found = outcome.figures(outcome.rows)
        close(found, {name: case["means"][name] for name in found})


@cases("ranking", lambda case: not {*chain(*case["judged"].values())} - {*case["names"]})
def test_reranking_is_as_in_pytrec_eval(case):
    """Candidates are the documents in the order of their names, which is what ties go by."""
    order = np.argsort(case["names"])
    for query, want in case["queries"].items():
        relevance = [case["judged"][query].get(case["names"][place], 0) for place in order]
        data = [Candidates(query, ["text"] * len(order), relevance)]
        outcome = TASKS["reranking"].measure(data, [[case["scores"][query][place] for place in order]])
        close(outcome.figures(outcome.rows), {name: want[theirs] for name, theirs in RERANKED.items()})


@cases("ranking", lambda case: "means" in case)
def test_average_precision_is_as_in_ranx(case):
    places, found = ranking.places(case["names"]), []
    for query, row in case["scores"].items():
        judged = case["judged"][query]
        ranked = [judged.get(case["names"][number], 0) for number in ranking.order(row, places)]
        found.append(ranking.average_precision(ranked, list(judged.values())))
    assert np.mean(found) == pytest.approx(case["means"]["map"], **near)


def test_the_references_say_where_they_are_from():
    pinned = dict(
        line.split("==")
        for line in (ROOT / "tests" / "evaluation" / "requirements.txt").read_text().splitlines()
        if not line.startswith("#")
    )
    assert {name: REFERENCES["origin"][name] for name in pinned} == pinned
    assert all(len(REFERENCES[family]) >= 8 for family in ("classification", "entities", "sts", "ranking"))
