"""Clients as their authors publish them, against one server with archives for five kinds of work."""

import json
from concurrent.futures import ThreadPoolExecutor

import cohere
import grpc
import httpx
import numpy as np
import pytest
import requests
import tritonclient.http as triton
from huggingface_hub import InferenceClient
from transformers import AutoTokenizer, pipeline

from scripts import smoke_test
from scripts.paths import ROOT
from tests.asking import check
from tests.clients import libraries, running
from tests.clients.references import References

TEXTS = ["Ada Lovelace lived in London.", "我住在北京 🙂", "naïve\ncafé"]
QUESTION = {"question": "Where did Ada live?", "context": TEXTS[0]}
STORED = json.loads((ROOT / "tests" / "data" / "answers.json").read_text())


@pytest.fixture(scope="module")
def server(many):
    return many


@pytest.fixture(scope="module")
def bert(server):
    return f"{server.url}/predictions/bert/1.0"


@pytest.fixture(scope="module")
def vectors(bert):
    """Of `TEXTS`, by the native protocol; the other tests of this server hold those against the reference."""
    return np.asarray(requests.post(f"{bert}/embedding", json={"inputs": TEXTS}, timeout=60).json())


def near(got, want):
    return np.abs(np.asarray(got, dtype=np.float64) - want).max() < 1e-5


def test_64_mixed_clients_on_five_archives_each_get_their_own_answer(server, folders, minilm, vectors):
    references = {
        "classes": [pipeline("text-classification", str(folders["classes"]))(text, top_k=None) for text in TEXTS],
        "entities": [pipeline("ner", str(folders["entities"]), aggregation_strategy="simple")(text) for text in TEXTS],
        "words": [pipeline("fill-mask", str(folders["words"]))(f"{text} [MASK]") for text in TEXTS],
        "bert": vectors.tolist(),
    }
    plain = next(group for group in STORED["groups"] if (group["family"], group["options"]) == ("DistilBert", {}))
    answers = list(zip(STORED["questions"], plain["answers"], strict=True))  # of transformers 5.2

    def client(number):
        text = number % len(TEXTS)
        with requests.Session() as session:
            for turn in range(6):
                name = list(references)[(number + turn) % len(references)]
                sent = f"{TEXTS[text]} [MASK]" if name == "words" else TEXTS[text]
                answer = session.post(f"{server.url}/predictions/{name}", json={"inputs": sent}, timeout=120)
                assert answer.status_code == 200, answer.text
                check(answer.json()[0], references[name][text])
                question, want = answers[(number + turn) % len(answers)]
                body = {**question, "stride": 32}  # half a window, as in transformers
                check(session.post(f"{server.url}/predictions/answers", json=body, timeout=120).json(), want)
        return number

    with ThreadPoolExecutor(64) as pool:
        assert sorted(pool.map(client, range(64))) == list(range(64))


def test_a_task_the_archive_cannot_do_lists_those_it_can(server):
    answer = requests.post(f"{server.url}/predictions/classes/1.0/fill-mask", json={"inputs": "[MASK]"}, timeout=60)
    assert answer.status_code == 404
    assert "text-classification" in answer.json()["error"]


def test_cohere(bert, vectors):
    with httpx.Client() as http:
        client = cohere.ClientV2("none", base_url=bert, httpx_client=http)
        ranked = client.rerank(model="bert", query="Ada", documents=TEXTS, top_n=2)
        cosines = requests.post(f"{bert}/rerank", json={"query": "Ada", "texts": TEXTS}, timeout=60).json()
        got = [{"index": item.index, "score": item.relevance_score} for item in ranked.results]
        check(got, cosines[:2])
        kinds = ["float", "int8", "uint8", "binary", "ubinary"]
        made = client.embed(model="bert", input_type="search_document", texts=TEXTS, embedding_types=kinds)
        assert near(made.embeddings.float_, vectors)
        assert (np.asarray(made.embeddings.uint8) - 128 == np.asarray(made.embeddings.int8)).all()
        bits = np.unpackbits(np.asarray(made.embeddings.ubinary, dtype=np.uint8), axis=1)
        assert (bits == (vectors > 0)).all()
        with pytest.raises(cohere.errors.BadRequestError, match="empty"):
            client.embed(model="bert", input_type="search_document", texts=[""], embedding_types=["float"])
        first = cohere.Client("none", base_url=bert, httpx_client=http)
        ranked = first.rerank(model="bert", query="Ada", documents=TEXTS, return_documents=True)
        assert ranked.results[0].document.text == TEXTS[ranked.results[0].index]
        assert near(first.embed(texts=TEXTS, model="bert", input_type="search_query").embeddings, vectors)


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "json"])
def test_tritonclient(server, vectors, minilm, binary):
    tokenizer = AutoTokenizer.from_pretrained(minilm)
    encoded = tokenizer(TEXTS, padding=True, return_tensors="np")
    client = triton.InferenceServerClient(server.url.removeprefix("http://"))
    try:
        text = triton.InferInput("text", [len(TEXTS)], "BYTES")
        text.set_data_from_numpy(np.array([text.encode() for text in TEXTS], dtype=object), binary_data=binary)
        wanted = [triton.InferRequestedOutput("embedding", binary_data=binary)]
        assert near(client.infer("bert", [text], outputs=wanted).as_numpy("embedding"), vectors)
        tensors = []
        for name in ("input_ids", "attention_mask"):
            tensor = triton.InferInput(name, list(encoded[name].shape), "INT64")
            tensor.set_data_from_numpy(encoded[name].astype(np.int64), binary_data=binary)
            tensors.append(tensor)
        assert near(client.infer("bert", tensors, outputs=wanted).as_numpy("embedding"), vectors)
        answer = client.infer(
            "classes", [text], outputs=[triton.InferRequestedOutput("text_classification", binary_data=binary)]
        )
        labels = [json.loads(item) for item in answer.as_numpy("text_classification")]
        native = requests.post(f"{server.url}/predictions/classes", json={"inputs": TEXTS}, timeout=60).json()
        check(labels, native)
        with pytest.raises(triton.InferenceServerException, match="task"):
            client.infer("bert", [text], parameters={"task": "nothing"})
    finally:
        client.close()


def test_hidden_states_as_tensors(server):
    client = triton.InferenceServerClient(server.url.removeprefix("http://"))
    try:
        text = triton.InferInput("text", [len(TEXTS)], "BYTES")
        text.set_data_from_numpy(np.array([text.encode() for text in TEXTS], dtype=object))
        answer = client.infer("bert", [text], parameters={"task": "hidden-states"})
        states, lengths = answer.as_numpy("hidden_states"), answer.as_numpy("lengths")
    finally:
        client.close()
    native = requests.post(f"{server.url}/predictions/bert/1.0/hidden-states", json={"inputs": TEXTS}, timeout=60)
    for rows, length, want in zip(states, lengths, native.json(), strict=True):
        assert near(rows[:length], want)
        assert not rows[length:].any()


def test_hugging_faces_client(server, folders, vectors):
    def client(name):
        return InferenceClient(f"{server.url}/predictions/{name}")

    assert near(client("bert").feature_extraction(TEXTS[0]), vectors[:1])
    assert near(client("bert/1.0/tei/embed").feature_extraction(TEXTS[0], normalize=True), vectors[:1])
    hugging = client("bert/1.0/hf")
    assert near(
        hugging.feature_extraction(TEXTS[0], normalize=True, truncate=True, truncation_direction="right"), vectors[:1]
    )
    similar = client("bert/1.0/hf/similarity").sentence_similarity(TEXTS[0], other_sentences=TEXTS)
    assert similar == pytest.approx((vectors @ vectors[0]).tolist(), abs=1e-5)
    short = client("answers/1.0/hf").question_answering(**QUESTION, doc_stride=20, max_answer_len=1)
    short = short[0] if isinstance(short, list) else short
    assert " " not in short.answer
    labels = client("classes").text_classification(TEXTS[0], top_k=2)
    want = pipeline("text-classification", str(folders["classes"]))(TEXTS[0], top_k=2)
    check([{"label": item.label, "score": item.score} for item in labels], want)
    answer = client("answers").question_answering(**QUESTION)
    answer = answer[0] if isinstance(answer, list) else answer
    assert answer.answer == TEXTS[0][answer.start : answer.end]
    words = client("words/1.0/hf").fill_mask("Ada lived in [MASK].", top_k=3)
    want = pipeline("fill-mask", str(folders["words"]))("Ada lived in [MASK].", top_k=3)
    check([vars(item)["sequence"] for item in words], [item["sequence"] for item in want])
    found = client("entities/1.0/hf").token_classification(TEXTS[0], aggregation_strategy="simple")
    want = pipeline("ner", str(folders["entities"]), aggregation_strategy="simple")(TEXTS[0])
    check([vars(item)["score"] for item in found], [item["score"] for item in want])


def test_teis_routes(server, bert, vectors):
    def post(path, body, name="bert"):
        return requests.post(f"{server.url}/predictions/{name}/1.0/tei/{path}", json=body, timeout=60)

    assert near(post("embed", {"inputs": TEXTS}).json(), vectors)
    assert np.asarray(post("embed_all", {"inputs": TEXTS[0]}).json()).shape[2] == 384
    scores = post("similarity", {"inputs": {"source_sentence": TEXTS[0], "sentences": TEXTS}}).json()
    assert scores == pytest.approx((vectors @ vectors[0]).tolist(), abs=1e-5)
    ranked = post("rerank", {"query": TEXTS[0], "texts": TEXTS, "return_text": True}).json()
    assert ranked[0] == {"index": 0, "score": pytest.approx(1), "text": TEXTS[0]}
    (tokens,) = post("tokenize", {"inputs": "a cat", "add_special_tokens": False}).json()
    assert [token["text"] for token in tokens] == ["a", "cat"]
    assert post("decode", {"ids": [token["id"] for token in tokens]}).json() == ["a cat"]
    native = requests.post(f"{server.url}/predictions/classes", json={"inputs": TEXTS}, timeout=60).json()
    check(post("predict", {"inputs": TEXTS[0]}, "classes").json(), native[0])
    check(post("predict", {"inputs": [[text] for text in TEXTS]}, "classes").json(), native)
    assert post("info", {}, "classes").json()["model_type"]["classifier"]["id2label"]["1"] == "good"
    assert post("embed_sparse", {"inputs": TEXTS}, "words").json()[0][0].keys() == {"index", "value"}
    long = post("embed", {"inputs": "word " * 1000, "truncate": False})
    assert (long.status_code, long.json()["error_type"]) == (413, "Validation")


@pytest.mark.parametrize(("accept", "read"), [("application/octet-stream", None), ("application/x-npy", np.load)])
def test_numbers_as_bytes(bert, vectors, accept, read):
    import io

    def ask(task):
        answer = requests.post(f"{bert}/{task}", json={"inputs": TEXTS}, headers={"accept": accept}, timeout=60)
        assert answer.headers["content-type"] == accept
        shape = [int(size) for size in answer.headers["x-shape"].split(",")]
        if read:
            array = read(io.BytesIO(answer.content))
            assert list(array.shape) == shape
        else:
            array = np.frombuffer(answer.content, answer.headers["x-dtype"]).reshape(shape)
        return array, answer.headers

    assert near(ask("embedding")[0], vectors)
    states, headers = ask("hidden-states")
    lengths = [int(length) for length in headers["x-lengths"].split(",")]
    native = requests.post(f"{bert}/hidden-states", json={"inputs": TEXTS}, timeout=60).json()
    for rows, want in zip(np.split(states, np.cumsum(lengths)[:-1]), native, strict=True):
        assert near(rows, want)
    refused = requests.post(f"{bert}/tokenize", json={"inputs": TEXTS}, headers={"accept": accept}, timeout=60)
    assert refused.status_code == 406


def field(number, payload):
    """A length-delimited field of a protocol buffer."""
    return bytes([number << 3 | 2]) + varint(len(payload)) + payload


def varint(number):
    return bytes([number]) if number < 128 else bytes([number & 127 | 128]) + varint(number >> 7)


def test_torchserves_grpc(server, vectors):
    """`Predictions` of TorchServe's inference.proto: field 1 is the model, field 3 a map of inputs."""
    body = json.dumps({"inputs": TEXTS}).encode()
    request = field(1, b"bert") + field(3, field(1, b"body") + field(2, body))
    with grpc.insecure_channel(f"127.0.0.1:{server.port + 3}", [("grpc.max_receive_message_length", -1)]) as channel:
        call = channel.unary_unary("/org.pytorch.serve.grpc.inference.InferenceAPIsService/Predictions")
        answer = call(request, timeout=60)
        wrong = call(field(1, b"bert") + field(3, field(1, b"body") + field(2, b'{"inputz": 1}')), timeout=60)
    assert near(json.loads(answer[answer.index(b"[[") :]), vectors)
    assert b"did you mean 'inputs'" in wrong


@pytest.mark.parametrize("call", ["StreamPredictions", "StreamPredictions2"])
def test_grpc_streams_cost_no_worker(server, call):
    """Java's streaming calls look for a header of the answer, and a worker whose answer has none is ended."""
    before = [worker["pid"] for worker in server.workers("bert")]
    request = field(1, b"bert") + field(3, field(1, b"body") + field(2, b'{"inputs": "a", "dimensions": 1}'))
    with grpc.insecure_channel(f"127.0.0.1:{server.port + 3}") as channel:
        path = f"/org.pytorch.serve.grpc.inference.InferenceAPIsService/{call}"
        if call == "StreamPredictions":
            (answer,) = channel.unary_stream(path)(request, timeout=60)
            assert b"[[" in answer
        else:  # of sequences, which an archive without sequence batching does not have
            with pytest.raises(grpc.RpcError):
                list(channel.stream_stream(path)(iter([request + field(4, b"one")]), timeout=60))
    assert requests.post(f"{server.url}/predictions/bert", json={"inputs": "a"}, timeout=60).status_code == 200
    assert [worker["pid"] for worker in server.workers("bert")] == before


@pytest.fixture(scope="module")
def expected(folders, minilm):
    return References({"bert": minilm, **folders})


@pytest.mark.parametrize("name", ["python/langchain-openai", "python/kserve"])
def test_libraries_in_environments_of_their_own(server, expected, name):
    """`python -m tests.clients` has all of them; these are installed quickly."""
    (library,) = libraries.find(name)
    row = running.run(library, server.url, expected)
    assert not row.wrong
    assert row.checks > 2


def test_explanations_have_their_own_route(server):
    body = {"inputs": TEXTS, "steps": 4}
    explained = requests.post(f"{server.url}/explanations/classes", json=body, timeout=60).json()
    by_task = requests.post(f"{server.url}/predictions/classes/1.0/explanations", json=body, timeout=60).json()
    check(explained, by_task)
    assert [len(window["tokens"]) for (window,) in explained] == [len(w["attributions"]) for (w,) in explained]
    many = requests.post(
        f"{server.url}/explanations/classes", json={"inputs": [TEXTS[0]] * 256, "steps": 9}, timeout=60
    )
    assert many.status_code == 200


@pytest.mark.parametrize("name", ["bert", "classes", "entities", "answers", "words"])
def test_the_first_request_of_start_is_one_the_archive_can_answer(server, name):
    address = f"{server.url}/predictions/{name}"
    body = smoke_test.body(requests.post(address, json={"task": "info"}, timeout=60).json())
    assert requests.post(address, json=body, timeout=60).status_code == 200
