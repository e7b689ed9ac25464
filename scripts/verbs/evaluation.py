"""Verbs that measure archives without a server: `evaluate` and `compare`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from scripts.console import Failure, err, out, print_json
from scripts.files import documents
from scripts.paths import MODEL_STORE
from scripts.verbs.options import Json, Store
from scripts.verbs.tab import archives

if TYPE_CHECKING:
    from scripts.evaluation.evaluate import Evaluation  # numpy takes a moment to import

Archives = Annotated[
    list[str],
    typer.Argument(
        help="one or two archives: names in the model store, or paths of .mar files", autocompletion=archives
    ),
]
Archive = Annotated[
    str, typer.Argument(help="name of an archive in the model store, or path of a .mar file", autocompletion=archives)
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="random seed of what is drawn")]


def evaluate(
    names: Archives,
    data: Annotated[
        Path,
        typer.Option("--data", help="labelled data: a .csv or .jsonl file, or a folder for retrieval", exists=True),
    ],
    task: Annotated[
        Literal["text-classification", "token-classification", "sts", "retrieval", "reranking"] | None,
        typer.Option("--task", help="what to measure [default: what the columns of the data are for]"),
    ] = None,
    report: Annotated[
        Path | None, typer.Option("--report", help="write a page with pictures, as HTML", dir_okay=False)
    ] = None,
    aggregation: Annotated[
        Literal["simple", "first", "average", "max"],
        typer.Option("--aggregation", help="aggregation_strategy of token-classification"),
    ] = "simple",
    text_column: Annotated[
        str | None, typer.Option("--text-column", help="column of the text, for text-classification [default: text]")
    ] = None,
    label_column: Annotated[
        str | None, typer.Option("--label-column", help="column of the label, for text-classification [default: label]")
    ] = None,
    resamples: Annotated[
        int, typer.Option("--resamples", min=10, help="bootstrap samples for confidence intervals")
    ] = 1000,
    seed: Seed = 0,
    store: Store = MODEL_STORE,
    as_json: Json = False,
) -> None:
    """Measure archives on labelled data, with confidence intervals; two of them also against each other.

    Examples: scripts/bert evaluate tickets --data tickets.csv; scripts/bert evaluate bert bert-int8 --data FOLDER
    """
    from scripts.evaluation import evaluate as evaluator  # numpy takes a moment to import
    from scripts.evaluation import page
    from scripts.evaluation.tasks.base import Columns

    if len(names) > 2:
        raise Failure(f"{len(names)} archives: {', '.join(names)}", fix="name one, or two to put them side by side")
    documents.check_writable(report)
    columns, sampling = Columns(text_column, label_column, aggregation), evaluator.Sampling(seed, resamples)
    found = evaluator.evaluate(names, store, data, task, columns, sampling)
    if as_json:
        print_json(found.report())
    else:
        show(found, resamples)
    if report:
        documents.write(report, page.of_evaluation(found))


def show(found: Evaluation, resamples: int) -> None:
    """On a terminal."""
    from scripts.evaluation import tables

    out.print(
        f"{found.data}: {found.examples} {found.task.unit}; in brackets 95 % intervals of {resamples} bootstrap samples"
    )
    for table in tables.of_evaluation(found):
        out.print(table)
    for archive in found.archives:
        for note in archive.outcome.notes:
            err.print(f"note: {archive.name}: {note}")


def compare(
    first: Archive,
    second: Archive,
    texts: Annotated[
        Path | None,
        typer.Option(
            "--texts", help="file of texts, one per line [default: made from the seed]", exists=True, dir_okay=False
        ),
    ] = None,
    task: Annotated[
        Literal["embedding", "text-classification", "token-classification"] | None,
        typer.Option("--task", help="answers to compare [default: those of the archives' task]"),
    ] = None,
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="timed rounds of each archive, in turns")] = 5,
    chart: Annotated[Path | None, typer.Option("--chart", help="write a chart as SVG", dir_okay=False)] = None,
    seed: Seed = 0,
    store: Store = MODEL_STORE,
    as_json: Json = False,
) -> None:
    """Compare two archives on the same texts: how far their answers are apart, and how fast each is.

    Examples: scripts/bert compare bert bert-int8; scripts/bert compare bert other.mar --texts texts.txt --chart a.svg
    """
    from scripts.evaluation import compare as comparer
    from scripts.evaluation import page

    documents.check_writable(chart)
    found = comparer.compare((first, second), store, texts, task, seed, rounds)
    if as_json:
        print_json(found.report)
    else:
        show_comparison(first, second, found.report)
    if chart:
        documents.write(chart, page.of_comparison(found))


def show_comparison(first: str, second: str, report: dict[str, Any]) -> None:
    """On a terminal."""
    from scripts.evaluation import tables

    for table in tables.of_comparison(report):
        out.print(table)
    speed = report["speed"]
    out.print(
        f"{second} answers {speed['ratio']:.2f} times as fast as {first}: "
        f"median of rounds of {speed['texts']} texts ({speed['rounds']})"
    )
    for note in report["notes"]:
        err.print(f"note: {note}")
