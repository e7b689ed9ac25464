"""What a training came to, as tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from scripts.console import out


def show(report: dict[str, Any]) -> None:
    """Lines, overall figures, one row per label, and the confusion of labels."""
    lines, metrics = report["data"], report["metrics"]
    out.print(
        f"{lines['learned']} training and {lines['held_out']} validation examples; best epoch {report['best_epoch']}"
    )
    most = metrics["majority"]
    overall = {
        key: metrics[key] for key in ("accuracy", "precision", "recall", "f1", "token_accuracy") if key in metrics
    }
    out.print(", ".join(f"{key.replace('_', ' ')} {value:.3f}" for key, value in overall.items()), style="bold")
    out.print(f"majority-class baseline {most['label']}: {most['share']:.3f}; macro F1 {metrics['macro_f1']:.3f}")
    out.print(by_label(metrics["labels"]))
    if "confusion" in metrics:
        out.print(confusion(list(metrics["labels"]), metrics["confusion"]))


def by_label(labels: dict[str, dict[str, Any]]) -> Table:
    """Precision, recall and F1."""
    table = Table("label", "precision", "recall", "F1", "support")
    for name, row in labels.items():
        table.add_row(name, *(f"{row[key]:.3f}" for key in ("precision", "recall", "f1")), str(row["support"]))
    return table


def confusion(names: Sequence[str], rows: Sequence[Sequence[int]]) -> Table:
    """True labels down, predicted ones across."""
    table = Table("true \\ predicted", *names)
    for name, row in zip(names, rows, strict=True):
        table.add_row(name, *map(str, row))
    return table
