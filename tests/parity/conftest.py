"""Models with heads for all parity tests, each made, packed and loaded once."""

from functools import cache

import pytest
from transformers import AutoTokenizer

from handler import pipeline as pipelines
from scripts import checkpoint as checkpoints
from scripts import pack as packer
from tests import heads


@pytest.fixture(scope="session")
def tokenizer(minilm):
    return AutoTokenizer.from_pretrained(minilm)


@pytest.fixture(scope="session", params=["Bert", "Roberta", "DistilBert"])
def family(request):
    return request.param


@pytest.fixture(scope="session", params=["native", "packed", "onnx", "torchscript", "eager"])
def runtime(request):
    return request.param


@pytest.fixture(scope="session")
def make(tokenizer, tmp_path_factory):
    """Checkpoint folders, each made once."""
    made = {}

    def folder(family, head, **options):
        key = family, head, str(options)
        if key not in made:
            made[key] = heads.save(tmp_path_factory.mktemp("heads") / "model", family, head, tokenizer, **options)
        return made[key]

    return folder


@pytest.fixture(scope="session")
def load(tmp_path_factory):
    """Checkpoint folders through the packer and into a worker's pipeline."""

    @cache
    def loaded(folder, runtime):
        checkpoint = checkpoints.read(folder)
        archive = tmp_path_factory.mktemp("archive")
        config = packer.configure(checkpoint, {"handler": {"runtime": runtime, "threads": 1}})
        packer.stage(checkpoint, archive, runtime)
        settings = {"handler": {"task": config.handler.task, "max_length": config.handler.max_length}}
        settings["handler"] |= {"runtime": runtime, "threads": 1}
        return pipelines.load(archive, "bert", "1.0", settings, None, lambda *_: None)

    return loaded
