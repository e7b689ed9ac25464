"""Writes `references.json`: figures of generated answers, by the libraries that others measure with.

    python -m venv /tmp/references
    /tmp/references/bin/pip install --use-pep517 -r tests/evaluation/requirements.txt
    PYTHONPATH=. /tmp/references/bin/python -m tests.evaluation.references

Answers and figures are both in the file, so that tests need none of these libraries.
"""

from __future__ import annotations

import json
import warnings
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

FILE = Path(__file__).with_name("references.json")
PACKAGES = ("scikit-learn", "seqeval", "scipy", "pytrec_eval-terrier", "ranx")
LABELS = ["billing", "access", "outage", "Lob & Kritik", "5"]
TAGS = ["PER", "LOC", "ORG"]
DEPTH = 100
Rng = np.random.Generator
Case = dict[str, Any]


def main() -> None:
    """Write the file."""
    warnings.simplefilter("ignore")  # of figures without a denominator, which are wanted
    rng = np.random.default_rng(20)
    found = {
        "origin": {name: metadata.version(name) for name in PACKAGES}
        | {"written by": "tests/evaluation/references.py"},
        "classification": [labelled(*case) for case in labels(rng)],
        "entities": [tagged(*case) for case in tags(rng)],
        "sts": [correlated(*case) for case in numbers(rng)],
        "ranking": [ranked(*case) for case in rankings(rng)],
    }
    lines = [f"{json.dumps(key)}: {listed(value)}" for key, value in found.items()]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")


def listed(value: Any) -> str:
    """A case per line."""
    if not isinstance(value, list):
        return json.dumps(value)
    return "[\n" + ",\n".join(json.dumps(case, ensure_ascii=False) for case in value) + "\n]"


def labels(rng: Rng) -> list[tuple[str, list[str], list[str]]]:
    """True and predicted labels."""

    def drawn(count: int, names: list[str]) -> list[str]:
        return [names[number] for number in rng.integers(0, len(names), count)]

    true = drawn(60, LABELS)
    mostly = [one if rng.random() < 0.8 else other for one, other in zip(true, drawn(60, LABELS), strict=True)]
    return [
        ("five labels", true, mostly),
        ("two labels", drawn(25, LABELS[:2]), drawn(25, LABELS[:2])),
        ("a label that is never predicted", drawn(40, LABELS), drawn(40, LABELS[:3])),
        ("labels that the data do not have", drawn(40, LABELS[:2]), drawn(40, LABELS)),
        ("none right", ["access"] * 7, ["billing"] * 7),
        ("all right", true, true),
        ("one label", ["access"] * 3, ["access"] * 3),
        ("one text", ["access"], ["outage"]),
    ]


def labelled(shape: str, true: list[str], predicted: list[str]) -> Case:
    """Figures by scikit-learn; averages are over the labels of either side, which is its default."""
    from sklearn import metrics

    names = sorted({*true, *predicted})
    rows = metrics.precision_recall_fscore_support(true, predicted, labels=names, zero_division=0)
    by_label = {name: [float(column[number]) for column in rows] for number, name in enumerate(names)}
    averages = {
        f"{kind}_f1": float(metrics.f1_score(true, predicted, average=kind, zero_division=0))
        for kind in ("macro", "micro", "weighted")
    }
    return {
        "shape": shape,
        "true": true,
        "predicted": predicted,
        "figures": {"accuracy": float(metrics.accuracy_score(true, predicted)), **averages},
        "labels": by_label,
        "confusion": metrics.confusion_matrix(true, predicted, labels=names).tolist(),
    }


def tags(rng: Rng) -> list[tuple[str, list[list[str]], list[list[str]]]]:
    """True and predicted tags of sentences."""

    def drawn(kinds: list[str], share: float) -> list[list[str]]:
        choices = [f"{part}-{kind}" for kind in kinds for part in "BII"]
        return [
            [choices[rng.integers(len(choices))] if rng.random() < share else "O" for _ in range(size)]
            for size in sizes
        ]

    sizes = [1, 2, 5, 9, 14, 30, 12, 7, 20, 3]
    nothing = [["O"] * size for size in sizes]
    true = drawn(TAGS, 0.5)
    mostly = [[tag if rng.random() < 0.85 else "O" for tag in sentence] for sentence in true]
    return [
        ("mostly found", true, mostly),
        ("dense, with I- that begins", drawn(TAGS, 0.9), drawn(TAGS, 0.9)),
        ("nothing predicted", true, nothing),
        ("nothing to be found", nothing, true),
        ("nothing at all", nothing, nothing),
        ("a label that is never predicted", true, drawn(TAGS[:2], 0.5)),
        ("labels that the data do not have", drawn(TAGS[:1], 0.5), true),
        ("all found", true, true),
        ("another label", [["B-PER", "I-PER"]], [["B-LOC", "I-LOC"]]),
        ("half of an entity", [["B-PER", "I-PER", "I-PER"]], [["B-PER", "I-PER", "O"]]),
    ]


def tagged(shape: str, true: list[list[str]], predicted: list[list[str]]) -> Case:
    """Figures by seqeval in its default mode, which reads tags as CoNLL's script does."""
    from seqeval import metrics

    kind = {"zero_division": 0}
    averages = {f"{name}_f1": float(metrics.f1_score(true, predicted, average=name, **kind)) for name in AVERAGES}
    overall = {name: float(getattr(metrics, f"{name}_score")(true, predicted, **kind)) for name in OVERALL}
    there = any(tag != "O" for each in (true, predicted) for sentence in each for tag in sentence)
    report = metrics.classification_report(true, predicted, output_dict=True, **kind) if there else {}
    by_label = {
        name: [float(row[key]) for key in ("precision", "recall", "f1-score", "support")]
        for name, row in report.items()
        if " avg" not in name
    }
    figures = overall | averages if there else {}  # seqeval has none where there is no entity
    return {"shape": shape, "true": true, "predicted": predicted, "figures": figures, "labels": by_label}


AVERAGES = ("macro", "weighted")
OVERALL = ("precision", "recall", "f1")


def numbers(rng: Rng) -> list[tuple[str, list[float], list[float]]]:
    """Scores of the data and of the model."""
    true = rng.uniform(0, 5, 80)
    return [
        (shape, np.asarray(one, float).tolist(), np.asarray(other, float).tolist())
        for shape, one, other in (
            ("noisy", true, true / 5 + rng.normal(0, 0.2, 80)),
            ("ties in the data", rng.integers(0, 6, 80), rng.normal(size=80)),
            ("ties on both sides", rng.integers(0, 3, 60), rng.integers(0, 4, 60)),
            ("reversed", true, -true),
            ("curved", true, np.exp(true)),
            ("far from zero", true, 1e6 + true),
            ("two pairs", [1, 2], [0.3, 0.1]),
            ("constant answers", true, np.full(80, 0.25)),
            ("constant data", np.full(5, 3), rng.normal(size=5)),
        )
    ]


def correlated(shape: str, true: list[float], predicted: list[float]) -> Case:
    """Correlations by SciPy; None where one is not defined."""
    from scipy import stats

    found = {
        "spearman": float(stats.spearmanr(true, predicted).statistic),
        "pearson": float(stats.pearsonr(true, predicted).statistic),
    }
    figures = {key: None if np.isnan(value) else value for key, value in found.items()}
    return {"shape": shape, "true": true, "predicted": predicted, "figures": figures}


def rankings(rng: Rng) -> list[tuple[str, list[str], dict[str, dict[str, int]], dict[str, list[float]], bool]]:
    """Names of documents, judgements, a score of each document for each query, and whether ranx has the same rules."""

    def judged(count: int, names: list[str], most: int, least: int = 0) -> dict[str, int]:
        chosen = rng.choice(names, min(count, len(names)), replace=False).tolist()
        return {name: int(rng.integers(least, most + 1)) for name in chosen}

    def distinct(size: int) -> list[float]:
        return (rng.permutation(size) / 1024).tolist()

    def tied(size: int) -> list[float]:
        return (rng.integers(0, 4, size) / 4).tolist()

    names, many = [f"d{number}" for number in range(40)], [f"{number:03}" for number in range(150)]
    queries, absent = [f"q{number}" for number in range(8)], [f"gone{number}" for number in range(3)]
    binary = {query: judged(6, names, 1, 1) for query in queries}
    graded = {query: judged(8, names, 3) | {names[0]: 2} for query in queries}
    lacking = {query: judged(3, names, 2) | dict.fromkeys(absent, 1) for query in queries}
    without = {query: judged(4, names, number % 2) for number, query in enumerate(queries)}
    negative = {query: judged(9, names, 2, -1) for query in queries}
    few = {query: judged(2, names[:4], 2, 1) for query in queries}
    deep = {query: judged(60, many, 2) | {many[1]: 1} for query in queries}
    return [
        ("binary", names, binary, {query: distinct(40) for query in queries}, True),
        ("graded", names, graded, {query: distinct(40) for query in queries}, True),
        ("ties", names, graded, {query: tied(40) for query in queries}, False),
        ("all alike", names, binary, {query: [0.5] * 40 for query in queries}, False),
        ("absent documents", names, lacking, {query: distinct(40) for query in queries}, True),
        ("queries without a relevant document", names, without, {query: distinct(40) for query in queries}, False),
        ("relevances below zero", names, negative, {query: distinct(40) for query in queries}, False),
        ("four documents", names[:4], few, {query: distinct(4) for query in queries}, True),
        ("more documents than are looked at", many, deep, {query: distinct(150) for query in queries}, True),
    ]


def ranked(
    shape: str, names: list[str], judged: dict[str, dict[str, int]], scores: dict[str, list[float]], both: bool
) -> Case:
    """Figures of each query by pytrec_eval, and their means by ranx where its rules are the same."""
    import pytrec_eval
    import ranx

    run = {query: dict(zip(names, row, strict=True)) for query, row in scores.items()}
    wanted = {"ndcg_cut.10", "recall.10", f"recall.{DEPTH}", "recip_rank", "map"}
    by_query = pytrec_eval.RelevanceEvaluator(judged, wanted).evaluate(run)
    case = {"shape": shape, "names": names, "judged": judged, "scores": scores, "queries": by_query}
    if both:
        figures = ("ndcg@10", "recall@10", f"recall@{DEPTH}", "mrr@10", "map")
        found = ranx.evaluate(ranx.Qrels(judged), ranx.Run(run), list(figures))
        case["means"] = {name: float(found[name]) for name in figures}
    return case


if __name__ == "__main__":
    main()
