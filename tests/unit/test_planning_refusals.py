"""What `bert plan` does not simulate, and what it says of zones."""

import msgspec
import pytest
from typer.testing import CliRunner

from scripts.cli import app
from scripts.console import Failure
from scripts.planning import plan, search
from scripts.planning.search import Goal
from tests.unit.test_planning import HOST, quick  # noqa: F401

FREE = ("batch_ms", "request_ms", "forward_ms", "token_ms", "java_batch_ms")
"""What a request costs, but for Java beside the workers."""


def test_zones_that_are_not_needed_are_named():
    """One host is enough for the rate, and a second one for the loss of either."""
    assert plan.make(HOST, Goal(50, 0.05, "40"), zones=5).leaner() == 2
    made = {zones: plan.Plan(12, zones, plan.spared(12, zones), [], 1.0) for zones in (1, 2, 3, 5, 6, 13)}
    assert {zones: (found.spread, found.leaner()) for zones, found in made.items()} == {
        1: (12, 0), 2: (24, 0), 3: (18, 0), 5: (15, 0), 6: (18, 5), 13: (13, 0),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("rate", "zones", "words"),
    [
        (1e9, 1, r"1e\+09 requests per second take \d{7} hosts or more; 10000 can be simulated"),
        (50, 20_000, "50 requests per second over 20000 zones take 20000 hosts or more"),
    ],
)
def test_more_hosts_than_memory_has_room_for_are_not_simulated(rate, zones, words):
    with pytest.raises(Failure, match=words):
        plan.make(HOST, Goal(rate, 0.1, "40"), zones)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (dict.fromkeys((*FREE, "frontend_ms"), 0), "answers inf requests"),
        ({"other_cores": 2}, "answers 0 requests"),
    ],
)
def test_a_host_that_answers_nothing_or_anything(changes, words):
    with pytest.raises(Failure, match=words):
        search.fewest(msgspec.structs.replace(HOST, **changes), Goal(50, 0.1, "40"))


def test_java_alone_may_be_what_a_request_costs():
    free = msgspec.structs.replace(HOST, **dict.fromkeys(FREE, 0))
    assert free.capacity(0) == pytest.approx(2000 / HOST.frontend_ms)


@pytest.mark.parametrize("words", [["plan", "--rate", "inf"], ["plan", "--rate", "1", "--price", "inf"],
                                   ["kubernetes", "bert", "--drain", "inf"], ["stop", "--drain", "nan"]])  # fmt: skip
def test_numbers_of_options_are_finite(words):
    said = CliRunner().invoke(app, words)
    assert said.exit_code == 2
    assert f"Invalid value for '{words[-2]}': {words[-1]} is no finite number" in said.output
