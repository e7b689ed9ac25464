"""Pictures of `evaluate` and `compare`: room for what they say, and axes with round numbers."""

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from scripts.evaluation import page, pictures
from scripts.evaluation.evaluate import Evaluation, Figure, Measured, Sampling
from scripts.evaluation.tasks.base import Outcome
from scripts.evaluation.tasks.retrieval import Retrieval

TITLE = "a title that is longer than a picture with an axis is wide, " * 3
SHARES = (0.5, (0.0, 1.0))


def numbers(picture):
    """What stands at the axes, in their grey."""
    marks = [text for text in ElementTree.fromstring(picture.svg()) if text.get("fill") == pictures.GREY]
    return [float(mark.text) for mark in marks]


@pytest.mark.parametrize(
    "draw",
    [
        lambda title: pictures.histogram(np.array([1.0, 2.0]), title),
        lambda title: pictures.bars([("a", 1.0)], title),
        lambda title: pictures.intervals({"F1": [SHARES]}, ["a"], title),
        lambda title: pictures.matrix([[1, 0], [0, 1]], ["a", "b"], title),
        lambda title: pictures.scatter(np.array([1.0, 2.0]), np.array([3.0, 3.0]), title),
    ],
)
def test_every_picture_is_as_wide_as_its_title(draw):
    """DejaVu Sans, among the widest of what `sans-serif` may be, has 0.6 em a letter."""
    for title, letters in ((TITLE, len(TITLE)), ("猫" * 60, 100)):
        assert draw(title).width >= 16 + 0.6 * 15 * letters
    assert draw("a").width < 16 + 0.6 * 15 * len(TITLE)


def test_names_below_have_room():
    assert pictures.intervals({"F1": [SHARES]}, [TITLE], "t").width > 7 * len(TITLE)


@pytest.mark.parametrize(
    ("value", "between", "axis"),
    [
        (0.5, (0.0, 1.0), [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0.05, (0.0, 0.1), [0, 0.02, 0.04, 0.06, 0.08, 0.1]),
        (1.0, (1.0, 1.0), [0.5, 0.6, 0.7, 0.8, 0.9, 1]),
        (0.0, (0.0, 0.0), [0, 0.1, 0.2, 0.3, 0.4, 0.5]),
        (-0.9, (-1.0, 0.9), [-1, -0.5, 0, 0.5]),
    ],
)
def test_the_axis_of_figures_ends_where_they_do(value, between, axis):
    assert numbers(pictures.intervals({"F1": [(value, between)]}, ["a"], "t")) == axis


@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (-0.2349, 5.2347), (0.9612, 0.9823), (3, 4000), (-7, -6.9), (0.1, 0.7)]
)
def test_round_numbers_lie_within(low, high):
    found = pictures.round_numbers(low, high)
    assert 2 <= len(found) <= 7
    assert low - 1e-6 <= found[0]
    assert found[-1] <= high + 1e-6
    assert all(re.fullmatch(r"-?\d+(\.\d{1,3})?", f"{each:.10g}") for each in found)


def test_a_page_fits_a_phone():
    """Tables scroll in boxes of their own; that the page has the window's width needs a browser."""
    figures = {key: Figure(1.0, (1.0, 1.0)) for key in Retrieval.titles}
    model = dict.fromkeys(("model", "version", "runtime", "dtype", "device"), "x")
    measured = Measured("a", model, Outcome(np.ones((3, 4)), lambda rows: {}), figures)
    text = page.of_evaluation(Evaluation(Retrieval(), Path("search"), 3, Sampling(), [measured], {}))
    assert '<meta name="viewport" content="width=device-width"/>' in text
    assert text.count("<table") == text.count("<div><table") == text.count("</table></div>") == 1
    assert re.search(r"^div { overflow-x: auto", text, re.MULTILINE)
    queries = re.findall("<svg.*?</svg>", text, re.DOTALL)[-1]
    marks = [each.text for each in ElementTree.fromstring(queries) if each.get("fill") == pictures.GREY]
    assert marks == ["0", "0.2", "0.4", "0.6", "0.8", "1"]
