"""What was found, as tables on the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import isnan
from typing import Any

from rich.table import Table

from scripts.evaluation import confusion
from scripts.evaluation.evaluate import Evaluation, Figure, Measured
from scripts.finetuning import report as reports
from scripts.load import report as loads

WIDE = 12
"""Labels whose confusion has room on a terminal; of more, the pairs are listed that are confused most."""

APART = {
    "cosine_min": "least cosine of both vectors of a text",
    "cosine_mean": "mean cosine",
    "similarity_spearman": "Spearman of the cosines of all pairs of texts",
    "neighbours": "nearest texts in common",
    "agreement": "texts with the same answer",
    "labels_in_common": "labels in common",
    "entities": "entities",
    "entity_f1": "F1 of the second's entities, the first's taken for true",
    "score_spearman": "Spearman of scores",
    "score_difference_max": "largest difference of scores",
    "score_difference_mean": "mean difference of scores",
}
ARCHIVES = {
    "name": "archive",
    "version": "version",
    "runtime": "runtime",
    "dtype": "dtype",
    "device": "device",
    "dimensions": "dimensions",
    "texts_per_second": "texts/s",
    "tokens_per_second": "tokens/s",
}


def of_comparison(report: dict[str, Any]) -> list[Table]:
    """How far both are apart, and how fast they are."""
    apart = Table("figure", "value")
    for key, words in APART.items():
        if key in report["apart"]:
            extra = f" (of {report['apart']['nearest']})" if key == "neighbours" else ""
            apart.add_row(words + extra, exact(report["apart"][key]))
    return [loads.table(report["archives"], ARCHIVES), apart]


def exact(value: Any) -> str:
    """With enough digits for what is nearly 1, or nearly 0."""
    if isinstance(value, list):
        return " and ".join(map(exact, value))
    if not isinstance(value, float):
        return "-" if value is None else str(value)
    return "-" if isnan(value) else f"{value:.6f}" if not value or abs(value) >= 1e-4 else f"{value:.3g}"


def of_evaluation(found: Evaluation) -> list[Table]:
    """Figures of all archives with their intervals, and those by label."""
    titles = [each.name for each in found.archives] + (["difference"] if found.differences else [])
    figures = Table(found.task.name, *titles)
    for key, title in found.task.titles.items():
        cells = [each.figures[key] for each in found.archives]
        cells += [found.differences[key]] if found.differences else []
        figures.add_row(title, *map(with_interval, cells))
    return [figures, *(table for each in found.archives for table in details(each))]


def details(measured: Measured) -> Iterator[Table]:
    """Figures by label, and the confusion of labels."""
    labels = measured.outcome.details.get("labels", {})
    names, counts = confusion.found(measured.outcome.details)
    tables = [reports.by_label(labels)] if labels else []
    if 0 < len(counts) <= WIDE:
        tables.append(reports.confusion(names, counts))
    elif counts:
        tables.append(most_confused(confusion.largest(names, counts)))
    for table in tables:
        table.title = measured.name
        yield table


def most_confused(pairs: Iterable[tuple[str, str, int]]) -> Table:
    """Labels that are taken for others, where there are too many for a matrix."""
    table = Table("true", "predicted", "times")
    for true, predicted, times in pairs:
        table.add_row(true, predicted, str(times))
    return table


def with_interval(figure: Figure) -> str:
    """A figure, and the interval behind it."""
    low, high = figure.interval
    return "-" if isnan(figure.value) else f"{figure.value:.4f} ({low:.4f} to {high:.4f})"
