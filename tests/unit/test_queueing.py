"""How many requests make a batch of an archive, and how many may wait for it."""

import zipfile
from types import SimpleNamespace

import pytest
import yaml

from scripts.packing import pack as packer
from scripts.packing.queueing import FEWEST, suggested

BERT = {"model_type": "bert", "num_hidden_layers": 12, "hidden_size": 768, "intermediate_size": 3072}
MINILM = BERT | {"num_hidden_layers": 6, "hidden_size": 384, "intermediate_size": 1536}
DISTILBERT = {"model_type": "distilbert", "n_layers": 3, "dim": 384, "hidden_dim": 1536}
GATED = MINILM | {"model_type": "nomic_bert", "intermediate_size": 768}
"""Three matrices of a feed-forward network."""


@pytest.mark.parametrize(
    ("config", "batch", "size"),
    [
        (MINILM, 8, 66),
        (DISTILBERT, 16, 132),
        (BERT, 8, FEWEST),
        (GATED, 10, 79),
        (BERT | {"hidden_size": 32, "intermediate_size": 64}, 16, 1000),
    ],
)
def test_smaller_models_have_larger_batches_and_more_requests_waiting(config, batch, size):
    assert suggested(SimpleNamespace(config=config), None) == {"batchSize": batch, "jobQueueSize": size}


@pytest.mark.parametrize("config", [{"model_type": "unknown"}, BERT | {"hidden_size": "768"}, {}])
def test_what_is_not_known_has_the_handlers_batches_and_a_short_queue(config):
    assert suggested(SimpleNamespace(config=config), None) == {"jobQueueSize": FEWEST}


def test_an_archive_has_it_unless_the_operator_says_otherwise(tiny, tmp_path):
    for given, size in (({}, 1000), ({"jobQueueSize": 70}, 70), ({"batchSize": 600}, 1200)):
        archive, _ = packer.pack(tiny, "tiny", "1.0", given, tmp_path)
        with zipfile.ZipFile(archive) as packed:
            assert yaml.safe_load(packed.read("model-config.yaml"))["jobQueueSize"] == size
