"""Folders of sentence-transformers through the packer and into a worker's pipeline, for tests against that library."""

import json

import numpy as np
import orjson

from handler import loading
from handler.config import HandlerConfig
from handler.types import Row
from scripts.packing import pack as packer
from scripts.sources import checkpoint as checkpoints

TEXTS = ["hello how are you?", "a cat sat on a mat", "Hello", "the mat , sat . " * 20]


def load(folder, tmp_path, runtime="packed", **settings):
    checkpoint = checkpoints.read(folder)
    config = packer.configure(checkpoint, {"handler": {"runtime": runtime, "threads": 1, **settings}})
    packer.stage(checkpoint, tmp_path / "archive", config.handler.runtime)
    found = {name: getattr(config.handler, name) for name in HandlerConfig.__struct_fields__}
    return loading.load(
        tmp_path / "archive", "s", "1.0", json.loads(orjson.dumps({"handler": found})), None, lambda *_: None
    )


def ask(pipeline, body, status=200, path=""):
    (reply,) = pipeline.answer([Row({"body": orjson.dumps(body)}, {}, "application/json", path)])
    assert reply.status == status, reply.body
    return orjson.loads(reply.body)


def close(ours, theirs):
    assert np.abs(np.asarray(ours) - theirs).max() < 1e-5
    return True


def dense(answer, width):
    found = np.zeros((len(answer), width), dtype=np.float32)
    for row, text in zip(found, answer, strict=True):
        row[[item["index"] for item in text]] = [item["value"] for item in text]
    return found
