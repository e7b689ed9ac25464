"""Models with heads for all parity tests, each made, packed and loaded once."""

from functools import cache

import pytest
from transformers import AutoTokenizer

from handler import loading
from handler.output_cache import OutputCache
from scripts.packing import pack as packer
from scripts.sources import checkpoint as checkpoints
from tests import heads


@pytest.fixture(scope="session")
def tokenizer(minilm):
    return AutoTokenizer.from_pretrained(minilm)


@pytest.fixture(scope="session", params=["Bert", "Roberta", "DistilBert"])
def family(request):
    return request.param


@pytest.fixture(scope="session", params=["native", "packed", "onnx", "torchscript", "eager", "packed as on a GPU"])
def runtime(request):
    """The last one leaves states on the device, with the CPU in a GPU's place, and reads requests in portions."""
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
    def loaded(folder, name):
        runtime = name.split()[0]
        checkpoint = checkpoints.read(folder)
        archive = tmp_path_factory.mktemp("archive")
        config = packer.configure(checkpoint, {"handler": {"runtime": runtime, "threads": 1}})
        packer.stage(checkpoint, archive, runtime, task=config.handler.task)
        settings = {"handler": {"task": config.handler.task, "max_length": config.handler.max_length}}
        settings["handler"] |= {"runtime": runtime, "threads": 1}
        pipeline = loading.load(archive, "bert", "1.0", settings, None, lambda *_: None)
        if name != runtime:
            pipeline.runtime.outputs_on_device, pipeline.portion, pipeline.cache = True, 40, OutputCache(0)
        return pipeline

    return loaded
