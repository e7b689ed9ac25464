"""Others' engines in process and Infinity beside ours: `python -m benchmarks.peers [--help]`.

Each part has a file of results, which is written after every cell: `peers-in-process.json` and `peers-served.json`, and
`peers.svg` has all of both. The first run also installs the peers and converts the models, which takes minutes more.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.peers import in_process, picture, process, served
from benchmarks.peers.cells import cells
from benchmarks.peers.models import MAKERS, make
from benchmarks.peers.record import Record
from benchmarks.peers.server import SERVERS
from benchmarks.precisions import peaks
from scripts.console import err, out
from scripts.load import machine, report

TITLES = {
    "in-process": "in process, one thread: our rate to theirs in the same precision",
    "served": "served, all cores: texts that ours answers to those that Infinity does, by its engine",
}
COLUMNS = {
    **{"model": "model", "cell": "cell", "precision": "precision", "engine": "engine", "least_cosine": "least cosine"},
    **{"gflops": "GFLOP/s", "share_of_peak": "of the peak", "texts_per_second": "texts/s", "p50_ms": "p50 ms"},
    **{"ours_to_theirs": "ours / theirs", "refused": "refused"},
}


def run_in_process(chosen: argparse.Namespace, record: Record) -> None:
    """See `in_process`; whatever has to be converted is converted before this process has only one core."""
    models = [make(name) for name in chosen.models]
    for model in models:
        in_process.convert(model, chosen.engines)
    tops = peaks()
    with in_process.pinned():
        for model in models:
            made = cells(chosen.lengths, large=model.name != "MiniLM")
            wanted = [cell for cell in made if not chosen.resume or not there(record, model.name, cell.name, chosen)]
            in_process.measure(record, model, wanted, chosen.engines, tops, chosen.rounds or 5)


def there(record: Record, model: str, cell: str, chosen: argparse.Namespace) -> bool:
    """Whether a cell was measured with one of the chosen engines: some may not run here."""
    return any(record.has(model=model, cell=cell, engine=engine) for engine in chosen.engines)


def run_served(chosen: argparse.Namespace, record: Record) -> None:
    """See `served`."""
    for name in chosen.models:
        made = [cell for cell in served.CELLS[name] if cell.kind in chosen.lengths]
        wanted = [cell for cell in made if not chosen.resume or not record.has(model=name, cell=cell.name)]
        if wanted:
            served.measure(record, make(name), wanted, chosen.port, chosen.rounds or 2)


PARTS: dict[str, Callable[[argparse.Namespace, Record], None]] = {"in-process": run_in_process, "served": run_served}
REQUIREMENTS = {"in-process": process.ENVIRONMENT, "served": SERVERS / "infinity"}


def about(part: str) -> dict[str, Any]:
    """The machine, and the peers' versions."""
    return {"machine": machine.describe(), "peers": (REQUIREMENTS[part] / "requirements.txt").read_text().split()}


def options(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What is measured; all of it where nothing is said."""
    lengths = ("mixed", "16", "128", "256", "512")
    engines = in_process.PRECISIONS["float32"]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__.split("\n")[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--models", nargs="+", choices=MAKERS, default=list(MAKERS))
    parser.add_argument("--lengths", nargs="+", choices=lengths, default=lengths)
    parser.add_argument("--engines", nargs="+", choices=engines, default=engines, help="in process")
    parser.add_argument("--rounds", type=int, help="of which medians are taken; 5 in process, 2 served")
    parser.add_argument("--resume", action="store_true", help="leave out cells that have been measured")
    parser.add_argument("--port", type=int, default=18600, help="the first of seventeen for servers")
    return parser.parse_args(words)


def main(chosen: argparse.Namespace) -> None:
    """The chosen parts, and a picture of all that has been measured on this kind of CPU."""
    folder = machine.results()
    records = {part: Record(folder / f"peers-{part}.json", about(part)) for part in PARTS}
    for part in chosen.parts:
        PARTS[part](chosen, records[part])
        out.print(report.table(records[part].rows, COLUMNS))
    this = machine.describe()
    caption = (
        f"{this['cpu']}, {this['kind']} ({this['instructions']}), {this['cores']} cores; bert-base has random weights"
    )
    drawing = picture.drawn({TITLES[part]: record.rows for part, record in records.items()}, caption)
    (folder / "peers.svg").write_text(drawing)
    err.print(f"{folder / 'peers.svg'}")


if __name__ == "__main__":
    main(options())
