"""Poolings of several kinds, and without a prompt's tokens, against sentence-transformers."""

import pytest
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Dense, Normalize, Pooling, Transformer
from sentence_transformers.util import cos_sim

from handler.output_cache import OutputCache
from tests.parity.sentences import TEXTS, ask, close, load

PROMPTS = {"query": "a cat sat: ", "document": "how "}
MODES = ("cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken")
RUNTIMES = ["native", "packed", "onnx", "torchscript", "eager", "packed as on a GPU"]


def save(tiny, folder, *modes, further=(), include_prompt=True):
    pooling = Pooling(32, modes[0] if len(modes) == 1 else modes, include_prompt=include_prompt)
    modules = [Transformer(str(tiny)), pooling, *further]
    SentenceTransformer(modules=modules, device="cpu", prompts=PROMPTS).save(str(folder))
    return SentenceTransformer(str(folder), device="cpu")


def served(folder, tmp_path, runtime):
    pipeline = load(folder, tmp_path, runtime.split()[0])
    if "GPU" in runtime:  # states stay on the device, with the CPU in a GPU's place
        pipeline.runtime.outputs_on_device, pipeline.cache = True, OutputCache(0)
    return pipeline


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_poolings_one_behind_the_other(tiny, tmp_path, runtime):
    theirs = save(tiny, tmp_path / "s", "mean", "cls", "weightedmean", further=[Dense(96, 20), Normalize()])
    pipeline = served(tmp_path / "s", tmp_path, runtime)
    assert close(ask(pipeline, {"inputs": TEXTS}), theirs.encode(TEXTS))
    assert ask(pipeline, {}, path="info")["dimensions"] == 20
    refused = ask(pipeline, {"inputs": TEXTS, "pooling": "max"}, 422)
    assert '"pooling" gives 32 dimensions, and the layers after it take 96' in refused["error"]


def test_a_request_may_name_several(tiny, tmp_path):
    theirs = save(tiny, tmp_path / "s", *MODES)
    pipeline = load(tmp_path / "s", tmp_path)
    assert close(ask(pipeline, {"inputs": TEXTS}), theirs.encode(TEXTS))
    about = ask(pipeline, {}, path="info")
    assert (about["dimensions"], about["pooling"]) == (192, [*MODES])
    named = ask(pipeline, {"inputs": TEXTS, "pooling": ["lasttoken", "mean"]})
    single = [ask(pipeline, {"inputs": TEXTS, "pooling": mode}) for mode in ("lasttoken", "mean")]
    assert named == [[*last, *mean] for last, mean in zip(*single, strict=True)]
    assert ask(pipeline, {"inputs": TEXTS, "pooling": []}, 422)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_prompts_are_left_out_of_pooling(tiny, tmp_path, runtime):
    theirs = save(tiny, tmp_path / "s", *MODES, include_prompt=False)
    pipeline = served(tmp_path / "s", tmp_path, runtime)
    queries, documents = theirs.encode_query(TEXTS), theirs.encode_document(TEXTS)
    assert close(ask(pipeline, {"inputs": TEXTS}), theirs.encode(TEXTS))
    assert close(ask(pipeline, {"inputs": TEXTS, "input_type": "query"}), queries)
    assert close(ask(pipeline, {"inputs": TEXTS, "input_type": "document"}), documents)
    assert close(ask(pipeline, {"inputs": TEXTS, "prompt": "on "}), theirs.encode(TEXTS, prompt="on "))
    ranked = ask(pipeline, {"query": TEXTS[0], "texts": TEXTS}, path="rerank")
    scores = {item["index"]: item["score"] for item in ranked}
    assert close([scores[number] for number in range(len(TEXTS))], cos_sim(queries[0], documents)[0].numpy())


def test_a_prompt_that_fills_the_sequence_leaves_a_token(tiny, tmp_path):
    save(tiny, tmp_path / "s", *MODES, include_prompt=False)
    pipeline = load(tmp_path / "s", tmp_path)
    pooled = ask(pipeline, {"inputs": "hello", "prompt": "a cat sat " * 100})[0]
    assert pooled[:32] == pooled[32:64] == pooled[-32:]


def test_equal_texts_with_and_without_a_prompt_of_ids(tiny, tmp_path):
    theirs = save(tiny, tmp_path / "s", "mean", include_prompt=False)
    pipeline = load(tmp_path / "s", tmp_path, cache_bytes=1 << 20)
    ids = theirs.tokenizer(PROMPTS["query"] + TEXTS[1])["input_ids"]
    for _ in range(2):  # the second time from what was kept
        assert close(ask(pipeline, {"inputs": TEXTS[1], "prompt_name": "query"})[0], theirs.encode_query(TEXTS[1]))
        assert close(ask(pipeline, {"inputs": [ids]})[0], theirs.encode(PROMPTS["query"] + TEXTS[1]))
