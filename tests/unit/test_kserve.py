"""Tensors as clients send them, right and wrong."""

import numpy as np
import orjson
import pytest

from handler.protocols import tensors
from handler.protocols.kserve import HEADER
from handler.protocols.tensors import Tensor
from handler.types import Row


@pytest.fixture
def pipeline(make_pipeline):
    return make_pipeline()


def ask(pipeline, body, headers=None, tail=b""):
    raw = bytearray(orjson.dumps(body) + tail)
    (reply,) = pipeline.answer([Row({"body": raw}, headers or {}, "application/json", "kserve")])
    return reply.status, orjson.loads(reply.body)


def tensor(**more):
    return {"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["b"], **more}]}


def ids(*data, **more):
    return tensor(name="input_ids", datatype="INT64", shape=[len(data)], data=list(data), **more)


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (tensor(shape=[2]), 422, "has 1 values, its shape [2] says 2"),
        (tensor(data=[1]), 422, "BYTES and holds a int"),
        (tensor(data=["b", ["c"]], shape=[2]), 422, "mixes lists and values"),
        (ids(1.5), 422, "INT64 and holds a float"),
        (ids(True), 422, "INT64 and holds a bool"),
        (tensor(shape=[0, 2**62, 2**62], data=[]), 422, "cannot have the shape"),
        (tensor(shape=[1] * 65), 422, "cannot have the shape"),
        ({"inputs": tensor()["inputs"] * 2}, 422, "two tensors 'text'"),
        ({"inputs": tensor()["inputs"] + ids(5)["inputs"]}, 422, "names of one input"),
        ({"instances": ["b"], "inputs": ["c"]}, 422, "two names of one key"),
        (ids(-5), 422, "outside the vocabulary"),
        (tensor(name="input_ids", datatype="INT32", data=[2**40]), 422, "no INT32"),
        (tensor(name="input_ids", datatype="FP32", data=[1]), 422, "send INT64"),
        (tensor(data=None, parameters={"binary_data_size": 9}), 400, "9 bytes, 0 are left"),
        ({"instances": [1]}, 422, "inputs[0]"),
        ({"instances": ["b"], "task": "nothing"}, 404, "unknown task"),
        ([], 422, "instances"),
    ],
)
def test_what_is_wrong_is_said(pipeline, body, status, words):
    got, answer = ask(pipeline, body)
    assert got == status
    assert words in answer["error"]


@pytest.mark.parametrize("length", ["x", "-1", "²", "9" * 5000, "99999", ""])
def test_a_wrong_length_of_the_json(pipeline, length):
    status, answer = ask(pipeline, tensor(), {HEADER: length})
    assert status == 400
    assert HEADER in answer["error"]
    assert len(answer["error"]) < 200


@pytest.mark.parametrize("instance", ["b", {"text": "b"}, {"data": "b"}])
def test_version_1(pipeline, instance):
    status, answer = ask(pipeline, {"instances": [instance, "c"], "parameters": {"pooling": "cls"}})
    assert status == 200
    assert len(answer["predictions"]) == 2


def test_tensors_come_back_as_they_went():
    for array in (np.array([["a", "é🙂"], ["", "b"]], dtype=object), np.arange(6, dtype=np.int64).reshape(2, 3)):
        sent = Tensor(name="x", shape=list(array.shape), datatype=tensors.datatype(array))
        assert (tensors.values(sent, tensors.pack(array)) == array).all()
