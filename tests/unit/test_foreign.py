"""Bodies as other servers take them: null is absent, unknown keys are ignored, blank texts are texts.

The keys come from the schemas.
"""

from types import SimpleNamespace
from typing import get_args

import msgspec
import orjson
import pytest

from handler.errors import Invalid
from handler.model import Kind
from handler.protocols import ROUTED, find
from handler.protocols.foreign import LONGEST, listed, shape
from handler.protocols.routed import Nothing, Switch
from handler.protocols.schemas import body_example, exampled, filled
from handler.tasks import TASKS
from handler.tasks.info import Info
from handler.types import Row

ROUTES = {
    f"{path} {kind}".strip(): form.body
    for protocol in ROUTED.values()
    for path, route in protocol.routes.items()
    for kind in (get_args(Kind) if isinstance(route, Switch) else [""])
    if (form := route.of(SimpleNamespace(kind=kind))).body is not Nothing
}
"""By path, and for one that differs between archives by their kind."""
REQUESTS = {name: task.request for name, task in TASKS.items()}


def minimal(kind):
    """A body with the required keys."""
    (schema,), components = msgspec.json.schema_components([kind], ref_template="#/components/schemas/{name}")
    components = {name: exampled(value, components) for name, value in components.items()}
    return filled(components[schema["$ref"].rsplit("/", 1)[-1]], components)


def keys(kind, required, before=()):
    """Paths of a schema's keys through objects in objects."""
    for key, (needed, inner) in (shape(kind) if isinstance(kind, type) else kind).keys.items():
        if needed is required:
            yield (*before, key)
        if inner.keys is not None:
            yield from keys(inner, required, (*before, key))


def placed(body, path, value):
    """The body with one value set, in objects that may be new."""
    key, *rest = path
    return {**body, key: placed(body.get(key, {}), rest, value) if rest else value}


def row(body, path):
    return Row({"body": bytearray(orjson.dumps(body))}, {}, "application/json", path)


def decode(body, path, default="embedding"):
    path, _, kind = path.partition(" ")
    asked = row(body, path)
    tasks = TASKS | {"info": type("Described", (Info,), {"model": SimpleNamespace(kind=kind)})}
    return find(asked).decode(asked, tasks, default)


def cases(kinds, required, depth=9, without=lambda kind: ()):
    found = [
        (name, path)
        for name, kind in kinds.items()
        for path in keys(kind, required)
        if len(path) <= depth and path[0] not in without(kind)
    ]
    return pytest.mark.parametrize(
        ("name", "key"), found, ids=lambda case: case if isinstance(case, str) else ".".join(case)
    )


def chosen(kind):
    """One of several choices of keys, where none alone is required."""
    return {} if minimal(kind) else body_example(kind)


@cases(ROUTES, False, without=chosen)
def test_null_is_absent_on_every_route(name, key):
    body = minimal(ROUTES[name]) or chosen(ROUTES[name])
    found = decode(placed(body, key, None), name)
    assert (found.request, found.ignored) == (decode(body, name).request, frozenset())


@cases(ROUTES, True)
def test_null_for_a_required_key_is_an_error_that_says_so(name, key):
    with pytest.raises(Invalid, match=f'"{".".join(key)}" is null, and it is required'):
        decode(placed(minimal(ROUTES[name]), key, None), name)


@pytest.mark.parametrize("name", ROUTES)
def test_unknown_keys_are_ignored_and_named_on_every_route(name):
    body = minimal(ROUTES[name]) or chosen(ROUTES[name])
    found = decode(body | {"surprise": 1, "nothing": None}, name)
    assert (found.request, found.ignored) == (decode(body, name).request, {"surprise"})


def bodies(task, body):
    """The same request by Hugging Face's and both of KServe's protocols, options beside and in `parameters`."""
    rest = {key: value for key, value in body.items() if key != "inputs"}
    given = {"inputs": body["inputs"]} if "inputs" in body else {}
    yield body, f"hf/{task}"
    yield {**given, "parameters": rest}, f"hf/{task}"
    yield {"inputs": [], "parameters": {"task": task, **body}}, "kserve"
    if "inputs" in REQUESTS[task].__struct_fields__ and body.get("inputs", "") is not None:
        listed = given.get("inputs", [])
        listed = listed if isinstance(listed, list) else [listed]
        yield {"instances": listed, "parameters": {"task": task, **rest}}, "kserve"


@cases(REQUESTS, False, depth=1)
def test_null_is_absent_for_every_key_of_hugging_face_and_kserve(name, key):
    body = minimal(REQUESTS[name])
    for (null, path), (plain, _) in zip(bodies(name, {**body, key[0]: None}), bodies(name, body), strict=False):
        found = decode(null, path)
        assert (found.request, found.ignored) == (decode(plain, path).request, frozenset())


@pytest.mark.parametrize("task", TASKS)
def test_unknown_keys_of_hugging_face_and_kserve(task):
    body = minimal(REQUESTS[task])
    for sent, path in bodies(task, body | {"surprise": 1}):
        assert decode(sent, path).ignored == {"surprise"}
    assert decode(body | {"options": {"wait_for_model": True}}, f"hf/{task}").ignored == {"options"}


@pytest.mark.parametrize(
    ("sent", "plain"),
    [
        ({"truncate": None, "truncation_direction": None, "parameters": None, "task": None}, {}),
        ({"parameters": {"truncate": True, "truncation_direction": None}}, {"truncation": "right"}),
        ({"parameters": {"truncate": None, "truncation_direction": "left"}}, {"truncation": "left"}),
        ({"dimensions": None, "parameters": {"dimensions": 3}}, {"dimensions": 3}),
        ({"dimensions": 3, "parameters": {"dimensions": None}}, {"dimensions": 3}),
        ({"text": None}, {}),
    ],
)
def test_nulls_that_hugging_faces_clients_send(sent, plain):
    assert decode({"inputs": "b"} | sent, "hf").request == decode({"inputs": "b"} | plain, "hf").request


def test_null_does_not_take_the_place_of_another_name_of_its_key():
    body = {"question": "a", "context": "b", "stride": 3, "doc_stride": None}
    assert decode(body, "hf/question-answering").request.stride == 3


def test_nulls_of_a_tensor():
    tensor = {"name": "text", "shape": [1], "datatype": "BYTES", "data": ["b"], "parameters": None, "more": 1}
    body = {"inputs": [tensor], "id": None, "parameters": None, "outputs": None, "model_version": None}
    found = decode(body, "kserve")
    assert (found.request.inputs, found.ignored) == (["b"], {"inputs.more"})
    body = {"inputs": [tensor], "parameters": {"binary_data_output": None, "task": None, "priority": 1}}
    assert decode(body, "kserve").ignored == {"inputs.more", "priority"}
    assert decode({"instances": ["b"], "inputs": None, "task": None}, "kserve").request.inputs == ["b"]


def test_a_tensor_the_task_does_not_have_is_an_error():
    tensor = {"name": "texts", "shape": [1], "datatype": "BYTES", "data": ["b"]}
    with pytest.raises(Invalid, match="unknown tensor 'texts'"):
        decode({"inputs": [tensor]}, "kserve")


def test_what_reranking_clients_always_send():
    body = {"query": "b", "texts": ["c"], "return_documents": True, "max_seq_len": 9, "top_n": 1, "raw_scores": None}
    found = decode(body, "tei/rerank")
    assert listed(found.ignored) == "max_seq_len,return_documents,top_n"
    documents = [{"text": "b", "title": "c"}, "d"]
    found = decode({"query": "b", "documents": documents, "truncate": None, "top_n": None}, "v1/rerank")
    assert (found.request.texts, found.ignored) == (["b", "d"], {"documents.title"})


def test_a_missing_key_names_what_was_ignored():
    with pytest.raises(Invalid, match=r"^missing key `input`; ignored: inputs$"):
        decode({"inputs": "b"}, "v1/embeddings")


@pytest.mark.parametrize("path", ["embedding", "v1/embeddings"])
def test_the_header(make_pipeline, path):
    key = "inputs" if path == "embedding" else "input"
    (reply,) = make_pipeline().answer([row({key: "b", "größe,\n": 1, "a": 1}, path)])
    if path == "embedding":
        assert reply.status == 422
        assert b"unknown key" in reply.body
    else:
        assert (reply.status, reply.headers["x-ignored"]) == (200, "a,gr%C3%B6%C3%9Fe%2C%0A")
    (reply,) = make_pipeline().answer([row({key: "b"}, path)])
    assert "x-ignored" not in reply.headers


def test_the_header_is_short():
    assert listed(["\x00" * 10**6]) == "%00" * 65 + "%0..."
    assert len(listed(map(str, range(10**5)))) == LONGEST
    assert listed(["b", "", "a"]) == ",a,b"


def ask(pipeline, body, path):
    (reply,) = pipeline.answer([row(body, path)])
    return reply.status, orjson.loads(reply.body)


TEXT_KEYS = {
    "tei/embed": "inputs",
    "v2/embed": "texts",
    "v1/embeddings": "input",
    "infinity/embeddings": "input",
    "hf": "inputs",
    "kserve": "instances",
}


def vectors(answer):
    """Of any of these routes."""
    if isinstance(answer, list):
        return answer
    if "data" in answer:
        return [item["embedding"] for item in answer["data"]]
    return answer["predictions"] if "predictions" in answer else answer["embeddings"]["float"]


@pytest.mark.parametrize("path", TEXT_KEYS)
@pytest.mark.parametrize("blank", ["", " ", "\n\t "])
def test_a_blank_text_is_a_text_where_the_owner_takes_it(make_pipeline, path, blank):
    pipeline = make_pipeline(normalize=False)
    options = {"normalize": False} if path == "tei/embed" else {}
    key = TEXT_KEYS[path]
    status, answer = ask(pipeline, {key: ["b", blank, "c d"], **options}, path)
    if blank == "" and path not in ("hf", "kserve", "infinity/embeddings"):
        assert status == 400
        assert "text 2 of 3 is empty" in str(answer)
        return
    others = [vectors(ask(pipeline, {key: [text], **options}, path)[1])[0] for text in ("b", "c d")]
    assert (status, vectors(answer)) == (200, [others[0], [2.5, 2.5], others[1]])  # the mean of [CLS], 2, and [SEP], 3


@pytest.mark.parametrize(("given", "elsewhere"), [("", 422), ([], 422), (["a"] * 2049, 413), ("a" * 2_000_001, 413)])
def test_openai_cohere_and_vllm_answer_400_to_what_is_wrong_and_to_what_is_too_large(make_pipeline, given, elsewhere):
    pipeline = make_pipeline()
    status, answer = ask(pipeline, {"input": given}, "v1/embeddings")
    assert (status, answer["error"]["type"]) == (400, "invalid_request_error")
    texts = [given] if isinstance(given, str) else given
    for path in ("v1/embed", "v2/embed"):
        assert ask(pipeline, {"texts": texts}, path)[0] == 400
    if given != "":  # which is a text beside a query
        for path in ("v1/rerank", "v2/rerank"):
            assert ask(pipeline, {"query": "b", "documents": texts}, path)[0] == 400
        status, answer = ask(pipeline, {"text_1": "b", "text_2": texts}, "v1/score")
        assert (status, answer["error"]["code"]) == (400, 400)
    assert ask(pipeline, {"inputs": given}, "embedding")[0] == elsewhere


@pytest.mark.parametrize(
    ("path", "texts"),
    [("v1/rerank", "documents"), ("v2/rerank", "documents"), ("tei/rerank", "texts"), ("infinity/rerank", "documents")],
)
def test_a_blank_document_is_ranked(make_pipeline, path, texts):
    pipeline = make_pipeline()
    status, answer = ask(pipeline, {"query": "b", texts: ["b", "", " "]}, path)
    ranked = answer if isinstance(answer, list) else answer["results"]
    assert (status, sorted(item["index"] for item in ranked)) == (200, [0, 1, 2])


@pytest.mark.parametrize(
    ("body", "path", "words"),
    [
        ({"inputs": ["a", " "]}, "embedding", "text 2 of 2 is empty"),
        ({"query": "a", "texts": ["a", "b", ""]}, "rerank", "text 3 of 3 is empty"),
        ({"query": " ", "texts": ["a", "b", ""]}, "rerank", '"query" is empty'),
        ({"source": "a", "sentences": ["b", ""]}, "similarity", "text 2 of 2 is empty"),
        ({"source": "", "sentences": ["b", "c"]}, "similarity", '"source" is empty'),
        ({"source": "a", "sentences": []}, "similarity", '"sentences" is empty'),
        ({"inputs": [["a", "b"], ["a", ""]]}, "similarity", "text 2 of pair 2 of 2 is empty"),
        ({"inputs": {"source_sentence": "a", "sentences": ["b", ""]}}, "tei/similarity", "text 2 of 2 is empty"),
    ],
)
def test_an_error_counts_what_the_client_sent(make_pipeline, body, path, words):
    status, answer = ask(make_pipeline(), body, path)
    assert (status, answer["error"]) == (400 if path.startswith("tei") else 422, words)


def test_a_blank_text_is_one_chunk_of_its_special_tokens_and_no_late_chunk(make_pipeline):
    pipeline = make_pipeline()

    def ask(path, **body):
        (reply,) = pipeline.answer([Row({"body": orjson.dumps(body)}, {}, "application/json", path)])
        return reply.status, orjson.loads(reply.body)

    texts = ["b c", ""]
    status, (_, chunks) = ask("hf/chunk-embedding", inputs=texts)
    assert (status, chunks) == (200, [{"start": 0, "stop": 0, "embedding": ask("hf", inputs=texts)[1][1]}])
    status, answer = ask("hf/chunk-embedding", inputs=texts, parameters={"late_chunking": True})
    assert (status, "text 2 is blank" in answer["error"]) == (422, True)
