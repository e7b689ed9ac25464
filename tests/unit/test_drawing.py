"""Drawings on a terminal, and their parts; `tests/e2e/test_drawing.py` draws what real archives answer."""

import io
import json
from datetime import timedelta
from types import SimpleNamespace

import numpy as np
import pytest
import requests
from rich.cells import cell_len
from rich.console import Console

from handler.tasks import TASKS
from handler.types import Row as Request
from scripts.drawing.drawn import Drawn
from scripts.drawing.parts.bars import Bars, Row
from scripts.drawing.parts.heat import Heat
from scripts.drawing.parts.marked import Span, marked
from scripts.drawing.parts.texts import name
from scripts.drawing.parts.vectors import vectors
from scripts.drawing.registry import DRAWINGS
from scripts.drawing.show import drawing
from scripts.drawing.tasks import hybrid_embedding, multi_vector, rerank
from scripts.drawing.timing import timing
from scripts.verbs import tab

SCRIPTS = ["short", "猫在沙发上睡觉。" * 9, "القطة نائمة على الأريكة " * 6, "👩‍👩‍👧 " * 20]


def drawn(renderable, width=80, **options):
    file = io.StringIO()
    Console(file=file, width=width, highlight=False, markup=False, emoji=False, **options).print(renderable)
    return file.getvalue()


def test_drawings_are_those_of_tasks():
    assert DRAWINGS.keys() <= TASKS.keys()


@pytest.mark.parametrize("width", [30, 80, 160])
def test_bars_stand_in_one_column_whatever_the_script(width):
    rows = [Row(text, value, f"{value:.3f}") for text, value in zip(SCRIPTS, (1.0, 0.5, -0.25, 0.125), strict=True)]
    lines = drawn(Bars(rows), width).splitlines()
    assert len(lines) == len(rows)
    assert all(cell_len(line) <= width for line in lines)
    assert {line.index(".") for line in lines} == {3}
    full = lines[0].count("█")
    assert full == min(30, width // 3)
    assert [line.count("█") for line in lines[1:]] == [full // 2, full // 4, full // 8]
    assert {cell_len(line[: line.index(text[0])]) for line, text in zip(lines, SCRIPTS, strict=True)} == {full + 9}


def test_what_a_text_holds_commands_no_terminal():
    assert name("a\x1b[31mb\n\u202ec") == r"a\x1b[31mb\n\u202ec"
    assert "\x1b" not in drawn(marked("a \x1b[2J b", [Span(0, 1, "\x1b", "red")]))
    assert name({"positive": ["king", "woman"], "negative": "man"}) == "king + woman - man"
    assert [name([101, 102]), name(["a", "b"])] == ["101 102", "a / b"]


def test_spans_that_overlap_are_marked_once():
    spans = [Span(4, 7, "first", ""), Span(0, 1, "A", ""), Span(6, 9, "late", ""), Span(2, 2, "empty", "")]
    assert drawn(marked("a 猫 bcd efg", spans)).strip() == "[a A] 猫 [bcd first] efg"


@pytest.mark.parametrize(("width", "first"), [(80, " 0.25  0.36"), (48, " 25  36"), (34, "░░░░▒▒▒▒▓▓▓▓████")])
def test_a_heat_map_takes_the_widest_form_that_fits(width, first):
    shown = drawn(Heat([""] * 8, np.tile(np.linspace(0.25, 1, 8), (8, 1)), "cosines"), width)
    assert f"\n1 {first}" in shown
    assert all(cell_len(line) <= width for line in shown.splitlines())


def test_what_fits_in_no_form_is_said():
    words = drawn(Heat([""] * 8, np.eye(8), "cosines"), 25).split()
    assert " ".join(words) == "cosines: 8 x 8 cells are too many for 25 columns"


def answer(pipeline, task, body):
    (reply,) = pipeline.answer([Request({"body": bytearray(json.dumps(body).encode())}, {}, "", task)])
    assert reply.status == 200, reply.body
    return json.loads(reply.body)


@pytest.mark.parametrize("form", ["float", "int8", "base64", "binary"])
def test_vectors_of_every_encoding(make_pipeline, echo, form):
    echo.width = 8
    found = vectors(answer(make_pipeline(), "embedding", {"inputs": ["a", "cat"], "encoding_format": form}), form)
    assert found.shape == (2, 8)
    assert (found > 0).all()  # ids are positive, and so are their signs
    if form in ("float", "base64"):
        assert (found == np.float32(answer(make_pipeline(), "embedding", {"inputs": ["a", "cat"]}))).all()


def test_scores_below_zero_have_bars_from_the_least():
    found = [{"index": 1, "score": 1.0}, {"index": 0, "score": -1.0}, {"index": 2, "score": -3.0}]
    lines = drawn(rerank.draw(Drawn({"query": "q", "texts": ["x", "y", "z"]}, found, None))).splitlines()
    assert [line.count("█") for line in lines[1:]] == [26, 13, 0]
    assert [line.split()[-1] for line in lines] == ["q", "y", "x", "z"]
    assert "↑1" in lines[1]
    assert "↓1" in lines[2]


def test_maxsim_is_the_sum_of_the_best():
    body, found = {"inputs": ["q", "a", "b"]}, [[[1, 0], [0, 1]], [[0.5, 0]], [[0.5, 0.25], [0.25, 1]]]
    lines = drawn(multi_vector.draw(Drawn(body, found, None))).splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["1.500", "0.500"]
    assert "b (2 vectors)" in lines[1]


def test_a_hybrid_is_drawn_kind_by_kind():
    found = [
        {"dense": [1, 0], "sparse": [{"index": 7, "value": 0.5}], "multi_vector": [[1, 0]]},
        {"dense": [1, 0], "sparse": [{"index": 8, "value": 0.25}], "multi_vector": [[0.5, 0]]},
    ]
    shown = drawn(hybrid_embedding.draw(Drawn({"inputs": ["a", "b"]}, found, lambda *_: None)))
    places = [shown.index(word) for word in ("1.000 █", "a — b", "id 7", "0.250 █", "id 8", "MaxSim", "b (1")]
    assert places == sorted(places)
    assert "MaxSim" not in drawn(hybrid_embedding.draw(Drawn({"inputs": ["a"]}, [{"dense": [1, 0]}], None)))


def test_the_line_below():
    headers = {"x-decode-time": "0.01", "x-forward-time": "9.26", "x-tokens": "12", "x-truncated": "1"}
    assert timing(headers, 0.0123).plain == "12.3 ms: forward 9.3; 12 tokens; 1 text cut off"
    assert timing({}, 0.1).plain == "100.0 ms"


def test_the_models_own_task_is_asked_for():
    response = requests.Response()
    response._content, response.elapsed = b'["a", "b"]', timedelta(seconds=1)
    asked = []

    def ask(task, fields):
        asked.append(task)
        return {"task": "decode"}

    assert drawn(drawing({"ids": [[1], [2]]}, response, ask)).splitlines()[:2] == ["1. a", "2. b"]
    assert drawn(drawing({"task": "new", "ids": []}, response, ask)).startswith('[\n  "a",')
    assert asked == ["info"]


def test_tab_offers_tasks_of_the_model_that_was_named(monkeypatch):
    monkeypatch.setattr(tab.listing, "find", lambda port: SimpleNamespace(models=["words"]))
    known = requests.Response()
    known.status_code, known._content = 200, b'{"tasks": ["tokenize", "fill-mask"]}'
    monkeypatch.setattr(tab.inference, "post", lambda *_: known)

    def offered(*args, incomplete=""):
        return tab.tasks(SimpleNamespace(args=[*args], params={}), incomplete)

    assert offered("words") == ["fill-mask", "tokenize"]
    assert offered("words", incomplete="to") == ["tokenize"]
    assert offered("other") == sorted(DRAWINGS)
    known.status_code = 503
    assert offered("words", incomplete="fill") == ["fill-mask"]
    assert offered("words") == sorted(DRAWINGS)


def test_tab_offers_ports_and_models_of_servers(monkeypatch, tmp_path):
    monkeypatch.setenv("BERT_MODEL_STORE", str(tmp_path))
    (tmp_path / "mine.mar").touch()
    there = [
        SimpleNamespace(inference_port=8080, models=["bert", "most"]),
        SimpleNamespace(inference_port=9080, models=[]),
    ]
    monkeypatch.setattr(tab.listing, "prune_and_list", lambda: there)
    assert tab.ports("") == ["8080", "9080"]
    assert tab.ports("9") == ["9080"]
    assert tab.models("m") == ["mine", "most"]
