"""Inputs that other servers' schemas allow beside texts: Cohere's content, TEI's token ids, lists in tensors."""

from types import SimpleNamespace

import orjson
import pytest

from handler.errors import Invalid
from handler.protocols import find
from handler.protocols.kserve_inputs import LISTS
from handler.tasks import TASKS
from handler.tasks.info import Info
from handler.types import Row


def decode(body, path):
    row = Row({"body": bytearray(orjson.dumps(body))}, {}, "application/json", path)
    tasks = TASKS | {"info": type("Described", (Info,), {"model": SimpleNamespace(kind="embedding")})}
    return find(row).decode(row, tasks, "embedding")


def content(*texts):
    return {"content": [{"type": "text", "text": text} for text in texts]}


@pytest.mark.parametrize("path", ["v1/embed", "v2/embed"])
def test_coheres_inputs_are_texts(path, make_pipeline):
    body = {"model": "m", "input_type": "search_query", "inputs": [content("b"), content("c", "d")], "texts": None}
    assert decode(body, path).request.inputs == ["b", "c\nd"]
    (reply,) = make_pipeline().answer([Row({"body": orjson.dumps(body)}, {}, "application/json", path)])
    assert orjson.loads(reply.body)["texts"] == ["b", "c\nd"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"texts": ["a"], "inputs": [content("b")]}, '"texts" and "inputs" are given'),
        ({"images": ["data:image/png;base64,"]}, 'not "images"; send "texts"'),
        ({"inputs": [content("a"), {"content": []}]}, "input 2 of 2 has 0 parts, 0 of them with text"),
        (
            {"inputs": [{"content": [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": ""}}]}]},
            "input 1 of 1 has 2 parts, 1 of them with text",
        ),
    ],
)
def test_coheres_inputs_that_are_no_texts(body, words):
    with pytest.raises(Invalid, match=words):
        decode(body, "v2/embed")


def test_none_of_coheres_inputs(make_pipeline):
    (reply,) = make_pipeline().answer([Row({"body": b'{"model": "m"}'}, {}, "application/json", "v2/embed")])
    assert (reply.status, b"there is no text" in reply.body) == (400, True)


@pytest.mark.parametrize("route", ["embed", "embed_all", "embed_sparse"])
@pytest.mark.parametrize(
    ("sent", "read"),
    [([5, 6], [[5, 6]]), ([[5], [6, 7]], [[5], [6, 7]]), (["b", [6]], ["b", [6]]), ("b", "b")],
)
def test_token_ids_where_tei_takes_them(route, sent, read):
    assert decode({"inputs": sent, "prompt_name": None}, f"tei/{route}").request.inputs == read


@pytest.mark.parametrize("name", ["query", "document", None])
def test_teis_prompts_of_sparse_embeddings_are_sides(name):
    assert decode({"inputs": "b", "prompt_name": name}, "tei/embed_sparse").request.input_type == name


@pytest.mark.parametrize("name", ["passage", ""])
def test_other_names_of_prompts_of_sparse_embeddings(name):
    with pytest.raises(Invalid, match="'prompt_name' is: query or document"):
        decode({"inputs": "b", "prompt_name": name}, "tei/embed_sparse")


def test_keys_that_stay_lists_are_those_of_the_tasks():
    known = {"inputs", "texts", "sentences", "targets", "ignore_labels", "ids", "outputs", "candidate_labels", "spans"}
    assert known | {"pooling"} == LISTS


@pytest.mark.parametrize(
    ("shape", "data", "read"),
    [([1], [5], [5]), ([], [5], [5]), ([2], [5, 6], [5, 6]), ([1, 2], [5, 6], [[5, 6]]), ([2, 1], [5, 6], [[5], [6]])],
)
def test_ids_to_decode_as_a_tensor(shape, data, read):
    tensor = {"name": "ids", "shape": shape, "datatype": "UINT16", "data": data}
    assert decode({"inputs": [tensor], "parameters": {"task": "decode"}}, "kserve").request.ids == read
