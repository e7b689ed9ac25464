"""Data of retrieval: documents, queries and judgements in a folder, as https://github.com/beir-cellar/beir has them."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.console import Failure
from scripts.finetuning.files import BadLine, Record, check_surrogates, decoded, parse, records, text_of

CORPUS, QUERIES = "corpus.jsonl", "queries.jsonl"
JUDGEMENTS = ("qrels.tsv", "qrels/test.tsv")
HEADER = ["query-id", "corpus-id", "score"]
FIX = f"a folder with {CORPUS}, {QUERIES} and {JUDGEMENTS[0]}, as docs/evaluation.md shows"


@dataclass(frozen=True, slots=True)
class Collection:
    """What is searched, and what should be found.

    Attributes:
        documents: texts by id.
        queries: those with judgements, by id.
        judgements: of each query, relevances by the ids of documents, some of which may not be among `documents`.
        unjudged: how many queries have no judgement, and are left out.
    """

    documents: Mapping[str, str]
    queries: Mapping[str, str]
    judgements: Mapping[str, Mapping[str, int]]
    unjudged: int

    @property
    def absent(self) -> int:
        """How many judgements above 0 are of documents that are not there, and so cannot be found."""
        found = (name for each in self.judgements.values() for name, value in each.items() if value > 0)
        return sum(name not in self.documents for name in found)


def read(folder: Path) -> Collection:
    """A folder.

    Raises:
        Failure: a file is missing, a line cannot be used, an id stands there twice, or a query is not there.
    """
    judged = next((folder / name for name in JUDGEMENTS if (folder / name).is_file()), None)
    missing = [name for name in (CORPUS, QUERIES) if not (folder / name).is_file()]
    if missing or judged is None:
        raise Failure(f"{folder} has no {' and no '.join(missing or [JUDGEMENTS[0]])}", fix=FIX)
    judgements, queries = qrels(judged), texts(folder / QUERIES)
    unknown = [name for name in judgements if name not in queries]
    if unknown:
        more = f" and {len(unknown) - 1} other queries" if len(unknown) > 1 else ""
        raise Failure(
            f"{judged} judges query {unknown[0]}{more}, not in {folder / QUERIES}", fix="add them, or remove the lines"
        )
    asked = {name: text for name, text in queries.items() if name in judgements}
    return Collection(texts(folder / CORPUS), asked, judgements, len(queries) - len(asked))


def texts(file: Path) -> dict[str, str]:
    """Texts by id, after their titles.

    Raises:
        Failure: a line has no id or no text, or the id of another line.
    """
    found: dict[str, str] = {}

    def one(_: int, record: Record) -> None:
        name = record.get("_id")
        if not isinstance(name, str | int) or isinstance(name, bool) or not str(name):
            raise BadLine(f"_id is {name!r}, not the name of a text")
        if str(name) in found:
            raise BadLine(f"_id {name} stands there twice")
        title = record.get("title") or ""
        if not isinstance(title, str):
            raise BadLine(f"title is a {type(title).__name__}, not a text")
        check_surrogates("title", title)
        whole = record if not title.strip() else {**record, "text": f"{title} {record.get('text') or ''}".strip()}
        found[str(name)] = text_of(whole, "text")

    parse(file, records(file), one)
    return found


def qrels(file: Path) -> dict[str, dict[str, int]]:
    """Relevances by query and document.

    Raises:
        Failure: another header, a row with other than three cells, a score that is no whole number, nothing at all.
    """
    lines = list(csv.reader(decoded(file).splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))
    if not lines or lines[0] != HEADER:
        raise Failure(
            f"{file} line 1 is {' '.join(lines[0]) if lines else 'missing'}",
            fix=f"begin it with {', '.join(HEADER)}, with tabs between",
        )
    found: dict[str, dict[str, int]] = {}

    def one(_: int, record: Record) -> None:
        cells = record["cells"]
        if len(cells) != len(HEADER):
            raise BadLine(f"{len(cells)} cells, not {len(HEADER)} with tabs between")
        try:
            found.setdefault(cells[0], {})[cells[1]] = int(cells[2])
        except ValueError:
            raise BadLine(f"score is {cells[2]!r}, not a whole number") from None

    parse(file, ((number, {"cells": cells}) for number, cells in enumerate(lines, 1) if cells and number > 1), one)
    return found
