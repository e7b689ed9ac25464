"""Labelled lines: what is read, what is refused with its line, and how they are split."""

import json

import pytest

from scripts.console import Failure
from scripts.finetuning import entities, texts
from scripts.finetuning.examples import Entity, Labelled, Tagged
from scripts.finetuning.split import check_labels, split
from scripts.paths import ROOT

DATA = ROOT / "tests" / "data"


@pytest.fixture
def write(tmp_path):
    def written(name, content):
        file = tmp_path / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return file

    return written


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_csv_with_quoted_newlines_and_another_column(write, mark):
    file = write("x.csv", mark + 'id,text,label\n1,"two\nlines, and ""quotes""",a\n\n2,é\u2028x, b \n')
    assert texts.read(file, None, None) == [
        Labelled(2, 'two\nlines, and "quotes"', None, "a"),
        Labelled(5, "é\u2028x", None, "b"),
    ]


def test_pairs_and_other_columns(write):
    file = write(
        "x.jsonl", '{"body": "one", "text_pair": "two", "class": 3}\n\n{"body": "1", "text_pair": "2", "class": "no"}'
    )
    assert texts.read(file, "body", "class") == [Labelled(1, "one", "two", "3"), Labelled(3, "1", "2", "no")]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("x.txt", "a", "x.txt is neither .csv nor .jsonl"),
        ("x.csv", "", "holds no labelled examples"),
        ("x.csv", "text,label\n\n", "holds no labelled examples"),
        ("x.jsonl", "\n", "holds no labelled examples"),
        ("x.csv", b"text,label\nok,a\n\xe9,b\n", "line 3 is not UTF-8"),
        ("x.csv", "body,label\nx,a\n", "line 1: no column text; there is body, label"),
        ("x.csv", "text,class\nx,a\n", "line 1: no column label; there is class, text"),
        ("x.csv", "text,label\nx,a\n  ,b\n", "line 3: text is empty"),
        ("x.csv", "text,label\nx,a\ny,\n", "line 3: label is missing"),
        ("x.csv", "text,label\nwell, yes,a\n", "line 2 has 3 cells, the header has 2"),
        ("x.csv", 'text,label\nx,a\n"never ends,b\n', "line 3: unexpected end of data"),
        ("x.csv", "text,text_pair,label\nx,,a\n", "line 2: text_pair is empty"),
        ("x.jsonl", '{"text": "x", "label": "a"}\n{"text": "y"', "line 2 is not JSON"),
        ("x.jsonl", "[" * 100_000, "line 1 is not JSON"),
        ("x.jsonl", '{"text": ' + "9" * 5000 + "}", "line 1 is not JSON"),
        ("x.jsonl", r'{"text": "half \ud83d", "label": "a"}', "line 1: text holds half of a character"),
        ("x.jsonl", r'{"text": "x", "label": "\ud83d"}', "line 1: label holds half of a character"),
        ("x.csv", "text,label,label\nx,a,b\n", "line 1 names the column label twice"),
        ("x.csv", "text;label\nx;a\n", "line 1 is one column: text;label"),
        ("x.jsonl", "[1]", "line 1 is a list"),
        ("x.jsonl", '{"text": "x", "label": "a"}\n{"text": "y"}', "line 2: label is missing"),
        ("x.jsonl", '{"text": "x", "label": "a"}\n{"label": "b"}', "line 2: no text; there is label"),
        ("x.jsonl", '{"text": 5, "label": "a"}', "line 1: text is a int"),
        ("x.jsonl", '{"text": "x", "label": ["a"]}', "line 1: label is a list"),
    ],
)
def test_bad_texts(write, name, content, words):
    with pytest.raises(Failure) as caught:
        texts.read(write(name, content), None, None)
    assert words in caught.value.what


def test_other_bad_lines_are_named_too(write):
    with pytest.raises(Failure) as caught:
        texts.read(write("x.csv", "text,label\n" + ",a\n" * 15), None, None)
    assert caught.value.what.endswith("line 2: text is empty")
    assert caught.value.why.splitlines()[0] == "line 3: text is empty"
    assert caught.value.why.splitlines()[-1] == "and 5 more lines"


def test_entities_by_characters_and_by_tags(write):
    want = Tagged(1, "Ada Byron left London", (Entity(0, 9, "PER"), Entity(15, 21, "LOC")))
    spans = [{"start": 14, "end": 21, "label": "LOC"}, {"start": 0, "end": 9, "label": "PER"}]
    file = write("x.jsonl", json.dumps({"text": want.text, "entities": spans}))
    assert entities.read(file, None, None) == [want]
    tags = ["B-PER", "I-PER", "O", "I-LOC"]
    file = write("y.jsonl", json.dumps({"tokens": want.text.split(), "tags": tags}))
    assert entities.read(file, None, None) == [want]
    file = write(
        "x.csv", "sentence,word,tag\n1,Ada,B-PER\n,Byron,I-PER\n1,left,O\n1,London,B-LOC\n2,Bob,B-PER\n2,Al,B-PER\n"
    )
    both = (Entity(0, 3, "PER"), Entity(4, 6, "PER"))
    assert entities.read(file, None, None) == [Tagged(2, want.text, want.entities), Tagged(6, "Bob Al", both)]


def spans(*found):
    keys = "start", "end", "label"
    return json.dumps({"text": "Ada Byron", "entities": [dict(zip(keys, one, strict=False)) for one in found]})


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("x.jsonl", spans((0, 10, "PER")), "line 1: entity 0 to 10 does not lie in a text of 9 characters"),
        ("x.jsonl", spans((3, 3, "PER")), "entity 3 to 3 does not lie"),
        ("x.jsonl", spans((-1, 3, "PER")), "entity -1 to 3 does not lie"),
        ("x.jsonl", spans((3, 4, "PER")), "entity 3 to 4 is white space"),
        ("x.jsonl", spans((0, 6, "PER"), (4, 9, "LOC")), "'Ada By' (0 to 6) and 'Byron' (4 to 9) overlap"),
        ("x.jsonl", spans((0, True, "PER")), "wants whole numbers"),
        ("x.jsonl", spans((0, 3, "")), "one word as label"),
        ("x.jsonl", spans((0, 3)), "is not an entity with start, end and label"),
        ("x.jsonl", '{"text": "", "entities": []}', "line 1: text is empty"),
        ("x.jsonl", '{"text": "a"}', "neither text and entities nor tokens and tags; there is text"),
        ("x.jsonl", '{"tokens": ["a"], "tags": []}', "1 tokens and 0 tags"),
        ("x.jsonl", '{"tokens": ["a"], "tags": ["PER"]}', "'PER' of 'a' is not O, B-LABEL or I-LABEL"),
        ("x.jsonl", '{"tokens": [" "], "tags": ["O"]}', "a word is empty"),
        ("x.csv", "sentence,word,tag\n1,a,O\n1,b,B\n", "line 3: 'B' of 'b' is not"),
        ("x.csv", "sentence,word\n1,a\n", "line 1: no column tag"),
        ("x.csv", "sentence,word,tag\n,a,O\n", "line 2: sentence is empty"),
        ("x.csv", "sentence,word,tag\n1,a,O\n2,b,O\n1,c,O\n", "line 4: sentence 1 goes on after another one"),
    ],
)
def test_bad_entities(write, name, content, words):
    with pytest.raises(Failure) as caught:
        entities.read(write(name, content), None, None)
    assert words in caught.value.what


def labelled(*rows):
    return [Labelled(line, text, None, label) for line, (text, label) in enumerate(rows, 2)]


def test_labels_that_cannot_be_learned(tmp_path):
    file = tmp_path / "x.csv"
    with pytest.raises(Failure, match="2 lines and 1 labels: a"):
        check_labels(file, labelled(("x", "a"), ("y", "a")), 2)
    with pytest.raises(Failure, match="line 3: label b has one text only"):
        check_labels(file, labelled(("x", "a"), ("y", "b"), ("z", "a"), ("y ", "b")), 2)
    assert check_labels(file, labelled(("x", "b"), ("y", "b"), ("z", "a"), ("w", "a")), 2) == ["a", "b"]


def test_a_split_holds_out_its_share_of_each_label():
    counts = {"a": 50, "b": 10, "c": 2}
    rows = labelled(*((f"{label}{number}", label) for label, count in counts.items() for number in range(count)))
    parts = split(rows, 0.2, 0)
    held = [example.label for example in parts.validation]
    assert [held.count(label) for label in "abc"] == [10, 2, 1]
    assert sorted(parts.train + parts.validation, key=lambda example: example.line) == rows
    assert split(rows, 0.2, 0) == parts
    assert split(rows, 0.2, 1) != parts


@pytest.mark.parametrize("seed", range(5))
def test_equal_texts_are_on_one_side(seed):
    rows = labelled(*((f"text {number % 10}" + " " * (number % 3), "ab"[number % 2]) for number in range(60)))
    parts = split(rows, 0.3, seed)
    assert not {example.key for example in parts.train} & {example.key for example in parts.validation}
    assert parts.validation


@pytest.mark.parametrize("seed", range(5))
def test_the_rarest_entity_is_on_both_sides(seed):
    common = [Tagged(line, f"Ada {line}", (Entity(0, 3, "PER"),)) for line in range(1, 20)]
    rare = [Tagged(line, f"Ada {line} Rome", (Entity(0, 3, "PER"), Entity(7, 11, "LOC"))) for line in range(20, 22)]
    parts = split([*common, *rare], 0.2, seed)
    assert {label for example in parts.train for label in example.labels} == {"PER", "LOC"}
    assert {label for example in parts.validation for label in example.labels} == {"PER", "LOC"}


def test_the_example_data():
    rows = texts.read(DATA / "tickets.csv", None, None)
    assert check_labels(DATA / "tickets.csv", rows, 2) == ["access", "billing", "feature", "outage", "praise"]
    assert len({example.key for example in rows}) == len(rows)
    tagged = entities.read(DATA / "entities.jsonl", None, None)
    assert check_labels(DATA / "entities.jsonl", tagged, 1) == ["place", "product", "version"]


def test_a_cell_may_be_long(write):
    """The csv module stops at 131,072 characters unless it is told otherwise."""
    long = "long text " * 20_000
    found = texts.read(write("x.csv", f"text,label\n{long},a\nshort,b\n"), None, None)
    assert [example.text for example in found] == [long, "short"]
