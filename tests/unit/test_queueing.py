"""How many requests may wait in an archive's queue."""

import zipfile
from types import SimpleNamespace

import pytest
import yaml

from scripts.packing import pack as packer
from scripts.packing.queueing import FEWEST, suggested

BERT = {"model_type": "bert", "num_hidden_layers": 12, "hidden_size": 768, "intermediate_size": 3072}
MINILM = BERT | {"num_hidden_layers": 6, "hidden_size": 384, "intermediate_size": 1536}
DISTILBERT = {"model_type": "distilbert", "n_layers": 3, "dim": 384, "hidden_dim": 1536}


@pytest.mark.parametrize(
    ("config", "size"),
    [
        (MINILM, 66),
        (DISTILBERT, 132),
        (BERT, FEWEST),
        (BERT | {"hidden_size": 32, "intermediate_size": 64}, 1000),
        ({"model_type": "unknown"}, FEWEST),
        (BERT | {"hidden_size": "768"}, FEWEST),
        ({}, FEWEST),
    ],
)
def test_smaller_models_may_have_more_requests_waiting(config, size):
    assert suggested(SimpleNamespace(config=config), None) == {"jobQueueSize": size}


def test_an_archive_has_it_unless_the_operator_says_otherwise(tiny, tmp_path):
    for given, size in (({}, 1000), ({"jobQueueSize": 70}, 70), ({"batchSize": 600}, 1200)):
        archive, _ = packer.pack(tiny, "tiny", "1.0", given, tmp_path)
        with zipfile.ZipFile(archive) as packed:
            assert yaml.safe_load(packed.read("model-config.yaml"))["jobQueueSize"] == size
