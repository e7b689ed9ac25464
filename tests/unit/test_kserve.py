"""Tensors as clients send them, right and wrong."""

import gzip

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
        ({"instances": []}, 422, "there is no text; send at least one"),
        ({"instances": ["b"], "task": "nothing"}, 404, "unknown task"),
        ([], 422, "instances"),
        ({"instances": ["b"], "task": ["embedding"]}, 422, "send a string"),
        ({**tensor(), "outputs": [{"name": "x"}]}, 422, "unknown output 'x'. Known: embedding"),
        ({**tensor(), "parameters": {"binary_data_output": "yes"}}, 422, "send true or false"),
        ({"inputs": [*ids(5)["inputs"], *tensor(name="attention_mask")["inputs"]]}, 422, "attention_mask must be"),
        (tensor(name="input_ids", datatype="UINT64", data=[2**64 - 1]), 422, "outside the vocabulary"),
        (tensor(name="normalize", datatype="BOOL", data=[1]), 422, "BOOL and holds a int"),
        ({}, 422, 'neither "instances" (version 1) nor "inputs"'),
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


@pytest.mark.parametrize(
    ("shape", "second", "pairs"),
    [
        ([1, 2], None, [["b", "c"]]),
        ([1], ["c"], [["b", "c"]]),
        ([2, 2], None, [["b", "c"], ["d", "e"]]),
        ([2], ["c", "e"], [["b", "c"], ["d", "e"]]),
    ],
)
def test_pairs(pipeline, shape, second, pairs):
    """As one tensor or two, they are what version 1 has them as."""
    first = [text for pair in pairs for text in (pair if second is None else pair[:1])]
    tensors = tensor(shape=shape, data=first)["inputs"]
    tensors += [] if second is None else tensor(name="text_pair", shape=shape, data=second)["inputs"]
    status, answer = ask(pipeline, {"inputs": tensors, "parameters": {"task": "similarity"}})
    native = ask(pipeline, {"instances": pairs, "parameters": {"task": "similarity"}})[1]["predictions"]
    assert (status, answer["outputs"][0]["data"]) == (200, native)


def test_texts_of_a_task_that_takes_no_pairs_have_any_shape(pipeline):
    for shape in ([2], [1, 2], [2, 1], [1, 1, 2]):
        status, answer = ask(pipeline, tensor(shape=shape, data=["b", "c"]))
        assert (status, answer["outputs"][0]["shape"][0]) == (200, 2)


def test_what_stands_beside_the_text_of_an_instance_is_ignored(pipeline):
    body = {"instances": [{"inputs": "b", "truncate": True}, {"text": "c", "id": 1}]}
    (reply,) = pipeline.answer([Row({"body": orjson.dumps(body)}, {}, "application/json", "vertex")])
    assert (reply.status, reply.headers["x-ignored"]) == (200, "instances.id,instances.truncate")


@pytest.mark.parametrize("path", ["vertex", "kserve"])
def test_a_blank_instance_has_a_prediction(pipeline, path):
    (reply,) = pipeline.answer([Row({"body": b'{"instances": ["a", ""]}'}, {}, "application/json", path)])
    assert (reply.status, len(orjson.loads(reply.body)["predictions"])) == (200, 2)


def test_a_forgotten_content_type_is_named(pipeline):
    headers = {"content-length": "20"}
    (reply,) = pipeline.answer([Row({}, headers, "application/x-www-form-urlencoded", "vertex")])
    assert (reply.status, b"which is what curl -d sends" in reply.body) == (400, True)


@pytest.mark.parametrize("instance", ["b", {"text": "b"}, {"data": "b"}])
def test_version_1(pipeline, instance):
    status, answer = ask(pipeline, {"instances": [instance, "c"], "parameters": {"pooling": "cls"}})
    assert status == 200
    assert len(answer["predictions"]) == 2


def test_tensors_come_back_as_they_went():
    for array in (np.array([["a", "é🙂"], ["", "b"]], dtype=object), np.arange(6, dtype=np.int64).reshape(2, 3)):
        sent = Tensor(name="x", shape=list(array.shape), datatype=tensors.datatype(array))
        assert (tensors.values(sent, tensors.pack(array)) == array).all()


@pytest.mark.parametrize("kind", ["INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64"])
def test_ids_of_every_integer_type(pipeline, kind):
    given = [5, 6, 7]
    status, want = ask(pipeline, ids(*given))
    described = tensor(name="input_ids", datatype=kind, shape=[3], data=given)
    assert (status, want) == ask(pipeline, described)
    del described["inputs"][0]["data"]
    tail = np.array(given, dtype=tensors.DTYPES[kind]).tobytes()
    described["inputs"][0]["parameters"] = {"binary_data_size": len(tail)}
    for zipped in (False, True):
        text = orjson.dumps(described)
        raw = gzip.compress(text + tail) if zipped else text + tail
        headers = {HEADER: str(len(text))} | ({"content-encoding": "gzip"} if zipped else {})
        (reply,) = pipeline.answer([Row({"body": raw}, headers, "application/json", "kserve")])
        assert (reply.status, orjson.loads(reply.body)) == (status, want)


def test_tritons_own_parameters_are_not_read(pipeline):
    more = {"priority": 1, "timeout": 5, "sequence_id": "a", "sequence_start": True, "sequence_end": False}
    status, answer = ask(pipeline, {**tensor(), "id": "7", "parameters": more})
    assert (status, answer["id"]) == (200, "7")
    assert ask(pipeline, {**tensor(), "id": "7"}) == (status, answer)


def test_outputs_that_are_asked_for(pipeline):
    parameters = {"task": "hidden-states", "binary_data_output": True}
    wanted = [{"name": "lengths", "parameters": {"binary_data": False}}, {"name": "hidden_states"}]
    body = {**tensor(), "parameters": parameters, "outputs": wanted}
    (reply,) = pipeline.answer([Row({"body": orjson.dumps(body)}, {}, "application/json", "kserve")])
    lengths, states = orjson.loads(reply.body[: int(reply.headers[HEADER])])["outputs"]
    assert lengths["name"] == "lengths"
    assert lengths["data"] == [states["shape"][1]]
    assert len(reply.body) == int(reply.headers[HEADER]) + states["parameters"]["binary_data_size"]
    status, answer = ask(pipeline, {**body, "outputs": wanted[:1]})
    assert (status, [output["name"] for output in answer["outputs"]]) == (200, ["lengths"])


def test_the_instance_of_a_task_without_a_list_of_inputs_is_its_keys_and_has_one_prediction(pipeline):
    keys = {"query": "b", "texts": ["a", "b", "c"]}
    (native,) = pipeline.answer([Row({"body": orjson.dumps(keys)}, {}, "application/json", "rerank")])
    parameters = {"task": "rerank", "top_n": None}
    for body in (
        {"instances": [keys], "parameters": parameters},
        {"instances": [{}], "parameters": parameters | keys},
        {"instances": ["not read"], "parameters": parameters | keys},
    ):
        assert ask(pipeline, body) == (200, {"predictions": [orjson.loads(native.body)]})
    status, answer = ask(pipeline, {"instances": [keys, keys], "parameters": parameters})
    assert (status, "one instance in a request, and there are 2" in answer["error"]) == (422, True)


@pytest.mark.parametrize("body", [{"instances": ["b"]}, tensor()])
def test_the_routes_that_explain(pipeline, body):
    """This archive cannot, and says so of the right task."""
    for task, words in ((None, "explanations"), ("embedding", "send one of them")):
        key = {"parameters": {"task": task}} if "inputs" in body else {"task": task}
        raw = orjson.dumps(body | (key if task else {}))
        (reply,) = pipeline.answer([Row({"body": raw}, {}, "application/json", "kserve/explanations")])
        assert words in orjson.loads(reply.body)["error"]
