"""Damaged files of labelled examples for `finetune`: CSV and JSON lines, of texts, of entities, of words with tags."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any

from scripts.finetuning import finetune as tuner
from scripts.sources import checkpoint as checkpoints
from tests.hostile.configurations import mutations
from tests.hostile.damaged import content

TEXTS = [
    "hello cat",
    "how are you ?",
    "a cat sat on mat",
    "you sat",
    "mats , hello",
    "sitting cat",
    "é 你好",
    "are you a cat",
]
LABELS = ["bad", "good"]
SPANS = (
    {"start": 0, "end": 2, "label": "X"},
    {"start": 2, "end": 3, "label": "Y"},
    {"start": 0, "end": 9**9, "label": "X"},
)
CELLS = (
    "",
    " ",
    "\0",
    "a\nb",
    '"',
    "a,b",
    ";",
    "x" * 200_000,
    "\u202e",
    "\ud83d",
    "=1+1",
    "[CLS]",
    "💥",
    "O",
    "B-",
    "nan",
)
VALUES: tuple[Any, ...] = (
    *mutations.JUNK,
    *mutations.NUMBERS,
    *SPANS,
    list(SPANS),
    [{}],
    [[0, 1, "X"]],
    ["O"],
    ["B-X", 1],
)
HEADERS = ("text", "label", "", " text", "TEXT", "text_pair", "sentence", "tag", "\ufefftext", "label\n", "tokens")

Row = dict[str, Any]


def labelled() -> list[Row]:
    """Texts with labels."""
    return [{"text": text, "label": LABELS[number % 2]} for number, text in enumerate(TEXTS)]


def paired() -> list[Row]:
    """Pairs of texts."""
    return [{**row, "text_pair": "a cat"} for row in labelled()]


def spanned() -> list[Row]:
    """Texts with entities."""
    return [
        {"text": text, "entities": [{"start": 0, "end": 2, "label": LABELS[at % 2]}]} for at, text in enumerate(TEXTS)
    ]


def tagged() -> list[Row]:
    """Words with tags."""
    return [{"tokens": text.split(), "tags": ["B-bad", *["O"] * text.count(" ")]} for text in TEXTS]


def words() -> list[Row]:
    """A row for each word."""
    return [
        {"sentence": str(at), "word": word, "tag": "O" if number else "B-bad"}
        for at, text in enumerate(TEXTS)
        for number, word in enumerate(text.split())
    ]


def as_csv(rows: list[Row]) -> str:
    """With a header."""
    stream = io.StringIO()
    names = list(dict.fromkeys(key for row in rows for key in row))
    writer = csv.DictWriter(stream, names, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def as_lines(rows: list[Row]) -> str:
    """JSON objects."""
    return "".join(json.dumps(row) + "\n" for row in rows)


KINDS: Mapping[str, tuple[Callable[[], list[Row]], Callable[[list[Row]], str], str]] = {
    "labels.csv": (labelled, as_csv, "text-classification"),
    "pairs.csv": (paired, as_csv, "text-classification"),
    "labels.jsonl": (labelled, as_lines, "text-classification"),
    "pairs.jsonl": (paired, as_lines, "text-classification"),
    "spans.jsonl": (spanned, as_lines, "token-classification"),
    "tags.jsonl": (tagged, as_lines, "token-classification"),
    "words.csv": (words, as_csv, "token-classification"),
}


def make(folder: Path, dice: Random) -> list[str]:
    """A folder with one file of examples, changed in one to three places; what was done."""
    folder.mkdir()
    name = dice.choice(sorted(KINDS))
    rows, form, _ = KINDS[name]
    values, file = rows(), folder / name
    done = [name]
    if dice.random() < 0.6:
        done += [altered(values, dice, name.endswith("csv")) for _ in range(dice.choice((1, 1, 2, 3)))]
    file.write_text(form(values), errors="surrogatepass")
    if len(done) == 1 or dice.random() < 0.2:
        done.append(content.change(file, dice))
    return done


def altered(rows: list[Row], dice: Random, cells: bool) -> str:
    """Another cell or value, another name of a column, rows that are gone or there many times."""
    row = dice.choice(rows)
    key = dice.choice(sorted(row) or ["text"])
    kind = dice.choice(("value", "value", "value", "inner", "name", "everywhere", "rows", "gone"))
    value = dice.choice(CELLS if cells or dice.random() < 0.4 else VALUES)
    if kind == "value":
        row[key] = value
    elif kind == "inner" and isinstance(row.get(key), list) and row[key]:
        row[key][dice.randrange(len(row[key]))] = value
    elif kind == "name":
        row[dice.choice(HEADERS)] = row.pop(key, value)
    elif kind == "everywhere":
        for each in rows:
            each[key] = value
    elif kind == "rows":
        rows[:] = dice.choice((rows[:1], rows[:3], rows * 9, rows[:1] * 5, [{}, *rows]))
    elif kind == "gone":
        row.pop(key, None)
    return f"{kind} {key} {str(value)[:30]!r}"


def use(folder: Path, target: Path, base: Path) -> None:
    """Train for one epoch, and look at what came out."""
    file = next(folder.iterdir(), folder / "labels.csv")
    settings = tuner.Settings(KINDS[file.name][2], epochs=1, max_length=16)
    tuner.finetune(file, str(base), target, settings)
    checkpoints.read(target)
