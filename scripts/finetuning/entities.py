"""Data of token-classification: entities by their characters, or words with BIO tags."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from scripts.console import Failure
from scripts.finetuning.examples import Entity, Tagged
from scripts.finetuning.files import BadLine, Record, parse, records, text_of

TAG = re.compile(r"O|[BI]-\S+")
COLUMNS = ("sentence", "word", "tag")


def read(file: Path, text_column: str | None, label_column: str | None) -> list[Tagged]:
    """Texts with entities.

    Raises:
        Failure: a column is missing, a line cannot be used, or columns are renamed, which only plain texts allow.
    """
    if text_column or label_column:
        raise Failure("--text-column and --label-column are for text-classification", fix="leave them out")
    if file.suffix == ".csv":
        return parse(file, sentences(file), tagged)
    return parse(file, records(file), lambda line, record: (spanned if "entities" in record else tagged)(line, record))


def sentences(file: Path) -> Iterator[tuple[int, Record]]:
    """Rows of one word as records of one sentence; an empty `sentence` goes on with the one above.

    Raises:
        Failure: a column is missing, a word or tag is wrong, a sentence goes on after another one.
    """
    current, begun, seen, whole = "", 0, set(), Record(tokens=[], tags=[])
    for line, row in records(file):
        if missing := [column for column in COLUMNS if column not in row]:
            raise Failure(f"{file} line 1: no column {missing[0]}; there is {', '.join(row)}")
        name = row["sentence"].strip() or current
        try:
            check_word(row["word"], row["tag"])
            if not name:
                raise BadLine("sentence is empty")
            if name != current and name in seen:
                raise BadLine(f"sentence {name} goes on after another one")
        except BadLine as error:
            raise Failure(f"{file} line {line}: {error}", fix="correct it, or remove the sentence") from None
        if name != current:
            if current:
                yield begun, whole
            current, begun, whole = name, line, Record(tokens=[], tags=[])
            seen.add(name)
        whole["tokens"].append(row["word"])
        whole["tags"].append(row["tag"])
    if current:
        yield begun, whole


def check_word(word: Any, tag: Any) -> None:
    """Refuse an empty word and a tag that is none.

    Raises:
        BadLine: it is so.
    """
    if not isinstance(word, str) or not word.strip():
        raise BadLine("a word is empty")
    if not isinstance(tag, str) or not TAG.fullmatch(tag):
        raise BadLine(f"{tag!r} of {word!r} is not O, B-LABEL or I-LABEL")


def tagged(line: int, record: Record) -> Tagged:
    """Words with tags; the text is the words with a space between them.

    An `I-` tag that follows no entity of its label begins one, as evaluation scripts of CoNLL read it.

    Raises:
        BadLine: other than as many tags as words, an empty word, a wrong tag.
    """
    words, tags = record.get("tokens"), record.get("tags")
    if not isinstance(words, list) or not isinstance(tags, list):
        raise BadLine(f"neither text and entities nor tokens and tags; there is {', '.join(record)}")
    if len(words) != len(tags) or not words:
        raise BadLine(f"{len(words)} tokens and {len(tags)} tags")
    for word, tag in zip(words, tags, strict=True):
        check_word(word, tag)
    ends = [sum(len(word) + 1 for word in words[: number + 1]) - 1 for number in range(len(words))]
    offsets = [(end - len(word), end) for word, end in zip(words, ends, strict=True)]
    return Tagged(line, " ".join(words), tuple(joined(offsets, tags)))


def joined(offsets: Sequence[tuple[int, int]], tags: Sequence[str]) -> list[Entity]:
    """Entities of pieces in a row, each with a tag.

    Args:
        offsets: `(start, end)` of each piece in its text.
        tags: as many of `O`, `B-LABEL`, `I-LABEL`.
    """
    found: list[Entity] = []
    before = "O"
    for (start, end), tag in zip(offsets, tags, strict=True):
        if tag.startswith("I-") and before[2:] == tag[2:]:
            found[-1] = Entity(found[-1].start, end, found[-1].label)
        elif tag != "O":
            found.append(Entity(start, end, tag[2:]))
        before = tag
    return found


def spanned(line: int, record: Record) -> Tagged:
    """A text with character offsets.

    Raises:
        BadLine: offsets beyond the text or the wrong way round, an entity of white space, two that overlap.
    """
    text = text_of(record, "text")
    if not isinstance(record["entities"], list):
        raise BadLine(f"entities is a {type(record['entities']).__name__}, not a list")
    found = sorted(entity(text, item) for item in record["entities"])
    for one, other in pairwise(found):
        if other.start < one.end:
            raise BadLine(f"{named(text, one)} and {named(text, other)} overlap")
    return Tagged(line, text, tuple(found))


def entity(text: str, item: Any) -> Entity:
    """One entity; white space at its ends is not part of it.

    Raises:
        BadLine: as `spanned`.
    """
    if not isinstance(item, dict) or {"start", "end", "label"} - set(item):
        raise BadLine(f"{item} is not an entity with start, end and label")
    start, end, label = item["start"], item["end"], item["label"]
    if type(start) is not int or type(end) is not int or not isinstance(label, str) or not re.fullmatch(r"\S+", label):
        raise BadLine(f"{item} wants whole numbers as start and end, and one word as label")
    if not 0 <= start < end <= len(text):
        raise BadLine(f"entity {start} to {end} does not lie in a text of {len(text)} characters")
    piece = text[start:end]
    if not piece.strip():
        raise BadLine(f"entity {start} to {end} is white space")
    return Entity(start + len(piece) - len(piece.lstrip()), end - len(piece) + len(piece.rstrip()), label)


def named(text: str, found: Entity) -> str:
    """An entity for a message: its characters and offsets."""
    return f"{text[found.start : found.end]!r} ({found.start} to {found.end})"
