"""What was found, with pictures: a page of HTML that needs nothing from elsewhere, and the chart of a comparison."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from scripts.evaluation import confusion, pictures
from scripts.evaluation.compare import Comparison
from scripts.evaluation.evaluate import Evaluation, Measured
from scripts.evaluation.pictures import Picture
from scripts.evaluation.tables import with_interval

STYLE = """\
body { font-family: sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; color: #222; background: white;
  overflow-wrap: anywhere }
div { overflow-x: auto; margin: 1em 0 }
figure { margin: 1em 0 }
table { border-collapse: collapse; overflow-wrap: normal }
th, td { border: 1px solid #ccc; padding: 0.3em 0.7em; text-align: left }
svg { max-width: 100%; height: auto; display: block }
"""
DRAWN = 20
"""Labels whose confusion is drawn; of more, the pairs are listed that are confused most."""


def of_comparison(found: Comparison) -> str:
    """The chart: how far answers are apart, text by text, and how fast both are."""
    rows = found.report["archives"]
    names = " and ".join(row["name"] for row in rows)
    parts = [pictures.bars([(row["name"], row["texts_per_second"]) for row in rows], "texts per second")]
    if found.spread.size:
        parts.insert(0, pictures.histogram(found.spread, f"{names}: {found.title}"))
    return pictures.stacked(parts).svg()


def of_evaluation(found: Evaluation) -> str:
    """The page."""
    names = " and ".join(archive.name for archive in found.archives)
    title = f"{names}: {found.task.name}"
    about = f"{found.examples} {found.task.unit} of {found.data}"
    sampling = f"95 % intervals of {found.sampling.times} bootstrap samples, seed {found.sampling.seed}"
    body = [f"<h1>{escape(title)}</h1>", f"<p>{escape(about)}. In brackets: {sampling}.</p>", figures(found)]
    body += [drawn(summary(found)), *(part for archive in found.archives for part in of_archive(found, archive))]
    metas = '<meta charset="utf-8"/><meta name="viewport" content="width=device-width"/>'
    head = f"{metas}<title>{escape(title)}</title><style>\n{STYLE}</style>"
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n<body>\n' + "\n".join(body) + "\n</body></html>\n"


def figures(found: Evaluation) -> str:
    """All figures."""
    columns = [each.name for each in found.archives] + (["difference"] if found.differences else [])
    rows = []
    for key, title in found.task.titles.items():
        cells = [each.figures[key] for each in found.archives]
        cells += [found.differences[key]] if found.differences else []
        rows.append([title, *map(with_interval, cells)])
    return table(["", *columns], rows)


def summary(found: Evaluation) -> Picture:
    """Figures as points with their intervals."""
    rows = {
        title: [(each.figures[key].value, each.figures[key].interval) for each in found.archives]
        for key, title in found.task.titles.items()
    }
    return pictures.intervals(rows, [each.name for each in found.archives], "figures and their intervals")


def of_archive(found: Evaluation, archive: Measured) -> Iterator[str]:
    """What there is of one archive alone."""
    model = " ".join(str(archive.model[key]) for key in ("model", "version", "runtime", "dtype", "device"))
    yield f"<h2>{escape(archive.name)}</h2>"
    yield f"<p>{escape(model)}</p>"
    yield from (f"<p>{escape(note)}.</p>" for note in archive.outcome.notes)
    labels = archive.outcome.details.get("labels", {})
    if labels:
        keys = ("precision", "recall", "f1")
        rows = [[name, *(f"{row[key]:.3f}" for key in keys), str(row["support"])] for name, row in labels.items()]
        yield table(["label", "precision", "recall", "F1", "support"], rows)
    names, counts = confusion.found(archive.outcome.details)
    if 0 < len(counts) <= DRAWN:
        yield drawn(pictures.matrix(counts, names, "true labels down, predicted ones across"))
    elif counts:
        pairs = [[true, predicted, str(times)] for true, predicted, times in confusion.largest(names, counts)]
        yield table(["true", "predicted", "times"], pairs)
    elif not labels:
        yield drawn(spread(found, archive))


def spread(found: Evaluation, archive: Measured) -> Picture:
    """How the examples are: scores against those of people, or the first figure of each query."""
    rows = archive.outcome.rows
    if found.task.name == "sts":
        return pictures.scatter(rows[:, 0], rows[:, 1], "scores of the data across, of the archive up")
    return pictures.histogram(rows[:, 0], f"{next(iter(found.task.titles.values()))} of each query", 20, (0.0, 1.0))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table, in a box of its own that scrolls where the window is narrower."""
    lines = ["".join(f"<th>{escape(cell)}</th>" for cell in head)]
    lines += ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows]
    return "<div><table>\n" + "\n".join(f"<tr>{line}</tr>" for line in lines) + "\n</table></div>"


def drawn(picture: Picture) -> str:
    """A picture within the page."""
    return f"<figure>{picture.svg()}</figure>"
