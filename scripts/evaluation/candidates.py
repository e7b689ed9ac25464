"""Data of reranking: queries, each with the texts to put into order and how relevant they are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.evaluation.pairs import number
from scripts.finetuning.files import BadLine, Record, check_surrogates, parse, records, text_of

LISTS = {"positive": 1.0, "negative": 0.0}
"""Lists of texts of one relevance each; or `texts` stand beside their `relevance`."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """A query and its texts; `relevance` has a number for each, and is above 0 for those that answer the query."""

    query: str
    texts: list[str]
    relevance: list[float]


def read(file: Path) -> list[Candidates]:
    """Queries of a `.jsonl`, in its order.

    Raises:
        Failure: a line cannot be used.
    """
    return parse(file, records(file), lambda _, record: candidates(record))


def candidates(record: Record) -> Candidates:
    """One query.

    Raises:
        BadLine: no texts, texts that are none, or another number of relevances.
    """
    query = text_of(record, "query")
    if "texts" in record:
        texts = listed(record, "texts")
        values = record.get("relevance")
        if not isinstance(values, list) or len(values) != len(texts):
            has = len(values) if isinstance(values, list) else "no list of"
            raise BadLine(f"{len(texts)} texts and {has} relevances")
        relevance = [number({"relevance": value}, "relevance") for value in values]
    else:
        found = [(text, value) for key, value in LISTS.items() for text in listed(record, key)]
        texts, relevance = [text for text, _ in found], [value for _, value in found]
    if not texts:
        raise BadLine("there are no texts to put into order")
    return Candidates(query, texts, relevance)


def listed(record: Record, key: str) -> list[str]:
    """A list of texts, which may be missing.

    Raises:
        BadLine: it is no list, or one of its texts is none.
    """
    texts: Any = record.get(key, [])
    if not isinstance(texts, list):
        raise BadLine(f"{key} is a {type(texts).__name__}, not a list")
    for text in texts:
        if not isinstance(text, str) or not text.strip():
            raise BadLine(f"{key} holds {text!r}, which is no text")
        check_surrogates(key, text)
    return texts
