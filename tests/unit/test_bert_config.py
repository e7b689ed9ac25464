"""`bert_config.json` files that describe no BERT."""

import json
from pathlib import Path

import pytest

from scripts.console import Failure
from scripts.conversion import config

GOOD = Path(__file__).parents[1] / "data" / "tensorflow" / "chinese" / "bert_config.json"


@pytest.mark.parametrize("share", [7, -0.1])
@pytest.mark.parametrize("key", ["hidden_dropout_prob", "attention_probs_dropout_prob"])
def test_shares_of_dropout_are_shares(tmp_path, key, share):
    file = tmp_path / "bert_config.json"
    file.write_text(json.dumps(json.loads(GOOD.read_text()) | {key: share}))
    with pytest.raises(Failure, match=key):
        config.read(file)


@pytest.mark.parametrize("content", [b'{"x":' * 99_999, b'{"x\xe7": 1}', b"\xff\xfe{\x00}\x00"])
def test_configurations_that_are_no_json(tmp_path, content):
    file = tmp_path / "bert_config.json"
    file.write_bytes(content)
    with pytest.raises(Failure, match=r"is not a bert_config\.json"):
        config.read(file)
