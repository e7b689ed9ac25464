"""From a CSV to a served classifier, with the commands an operator types."""

import json

import pytest
import requests

from scripts.paths import ROOT
from tests.e2e.conftest import Cli, free_port

TICKETS = ROOT / "tests" / "data" / "tickets.csv"


@pytest.fixture
def own(tmp_path):
    """A command with a store of its own."""
    command = Cli(tmp_path / "runs", tmp_path / "store", free_port())
    yield command
    command("stop", "--drain", "0", BERT_INFERENCE_PORT="")


def test_a_csv_becomes_a_served_classifier(own, tiny, tmp_path):
    target = tmp_path / "classifier"
    words = ("--data", str(TICKETS), "--base", str(tiny), "--out", str(target), "--epochs", "2", "--json")
    report = json.loads(own("finetune", *words).stdout)
    assert report["folder"] == str(target)
    assert report["data"]["learned"] + report["data"]["held_out"] == len(TICKETS.read_text().splitlines()) - 1
    assert "is not empty" in own("finetune", *words, expect=1).stderr
    own("pack", str(target), "--name", "tickets")
    own("start", "tickets", "--workers", "1")
    asked = {"inputs": "My invoice is wrong", "top_k": 5}
    answer = requests.post(f"{own.url}/predictions/tickets", json=asked, timeout=60)
    assert answer.status_code == 200, answer.text
    assert sorted(row["label"] for row in answer.json()[0]) == ["access", "billing", "feature", "outage", "praise"]
    assert sum(row["score"] for row in answer.json()[0]) == pytest.approx(1)
