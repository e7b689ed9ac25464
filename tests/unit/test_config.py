import pytest
import yaml

from handler import config as configuration
from handler.config import HandlerConfig, ModelConfig
from handler.errors import ConfigError
from scripts.packing import model_config

HANDLER = {"task": "embedding", "max_length": 256}


def load(**keys):
    return configuration.load({"handler": HANDLER, **keys})


def test_defaults():
    config = load()
    assert config.maxBatchDelay == 1  # TorchServe takes 0 for 100
    assert config.handler.truncation is None


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"minWorker": 2}, "unknown key 'minWorker'; did you mean 'minWorkers'"),
        ({"handler": {**HANDLER, "poolin": "cls"}}, "handler: unknown key 'poolin'; did you mean 'pooling'"),
        ({"handler": {"task": "embedding"}}, "max_length"),
        ({"maxBatchDelay": 0}, "maxBatchDelay"),
        ({"batchSize": "many"}, "batchSize"),
        ({"handler": {**HANDLER, "pooling": "sum"}}, "pooling"),
        ({"minWorkers": 4}, "maxWorkers 1 is below minWorkers 4"),
    ],
)
def test_what_is_wrong_is_named(keys, words):
    with pytest.raises(ConfigError, match=words):
        load(**keys)


def test_the_written_file_reads_back_as_the_same_settings():
    config = load(minWorkers=2, maxWorkers=3, deviceIds=[0, 2])
    assert configuration.load(yaml.safe_load(model_config.render(config))) == config


def test_every_key_of_the_written_file_is_described():
    lines = model_config.render(load()).splitlines()
    for kind in (ModelConfig, HandlerConfig):
        for key in kind.__struct_fields__:
            if key == "handler":
                continue
            at = next(n for n, line in enumerate(lines) if line.strip().removeprefix("# ").startswith(f"{key}:"))
            assert lines[at - 1].strip().startswith("# ")
            assert len(lines[at - 1].strip()) > 10


def test_sections_merge():
    assert model_config.merged({"a": 1, "b": {"c": 1, "d": 2}}, {"b": {"d": 3}, "e": 4}) == {
        "a": 1,
        "b": {"c": 1, "d": 3},
        "e": 4,
    }
