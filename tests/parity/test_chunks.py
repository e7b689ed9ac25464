"""Vectors of chunks: as sentence-transformers embeds their texts, or means of transformers' states of their tokens."""

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from transformers import AutoModel, AutoTokenizer

from tests import folders, heads
from tests.asking import ask
from tests.parity.test_sentences import load

TEXTS = ["Ada lived in London. She wrote about the engine; naïve café 🙂! Later, she left.", "One sentence alone."]
SPANS = [[(0, 20), (21, 61), (63, 79)], [(0, 19)]]
LONG = "the mat, sat on a café. " * 30


def served(base, folder, here, **options):
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer

    modules = [Transformer(str(base)), Pooling(32, options.pop("pooling", "mean")), Normalize()]
    SentenceTransformer(modules=modules, device="cpu", **options).save(str(folder))
    return load(folder, here), SentenceTransformer(str(folder), device="cpu")


@pytest.fixture(scope="module")
def base(tokenizer, tmp_path_factory):
    return heads.save(tmp_path_factory.mktemp("base") / "model", "Roberta", "Model", tokenizer)


@pytest.fixture(scope="module")
def pair(base, tmp_path_factory):
    here = tmp_path_factory.mktemp("chunks")
    return served(base, here / "model", here, prompts=folders.PROMPTS, default_prompt_name="passage")


def chunks(pipeline, **body):
    return ask(pipeline, {"task": "chunk-embedding", **body})


def vectors(text):
    return np.asarray([chunk["embedding"] for chunk in text])


def places(text):
    return [(chunk["start"], chunk["stop"]) for chunk in text]


def test_spans_are_texts_of_their_own(pair):
    ours, theirs = pair
    found = chunks(ours, inputs=TEXTS, spans=SPANS)
    assert [places(text) for text in found] == SPANS
    for text, own, spans in zip(TEXTS, found, SPANS, strict=True):
        expected = theirs.encode([text[start:stop] for start, stop in spans])
        assert np.abs(vectors(own) - expected).max() < 1e-5
    query = chunks(ours, inputs=TEXTS, spans=SPANS, input_type="query", dimensions=8)[1]
    assert (
        np.abs(vectors(query) - theirs.encode_query(TEXTS[1:], truncate_dim=8, normalize_embeddings=True)).max() < 1e-5
    )


def test_windows_are_chunks_with_their_characters(pair):
    ours, theirs = pair
    (whole,) = chunks(ours, inputs=LONG, prompt="")
    assert len(whole) > 2
    assert places(whole)[0][0] == 0
    assert places(whole)[-1][1] == len(LONG.rstrip())
    for (_, stop), (start, _) in zip(places(whole), places(whole)[1:], strict=False):
        assert not LONG[stop:start].strip()
    expected = theirs.encode([LONG[start:stop] for start, stop in places(whole)], prompt="")
    assert np.abs(vectors(whole) - expected).max() < 1e-5
    (small,) = chunks(ours, inputs=LONG, prompt="", chunk_size=10, overlap=4)
    offsets = theirs.tokenizer(LONG, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    cut = [offsets[first : first + 10] for first in range(0, len(offsets) - 4, 6)]
    assert places(small) == [(tokens[0][0], tokens[-1][1]) for tokens in cut]
    assert np.abs(vectors(small) - theirs.encode([LONG[a:b] for a, b in places(small)], prompt="")).max() < 1e-5


def states(base, text, prompt=""):
    """Transformers' states of a text's own tokens, and their places."""
    encoded = AutoTokenizer.from_pretrained(base)(
        prompt + text, return_tensors="pt", return_offsets_mapping=True, return_special_tokens_mask=True
    )
    offsets, special = (encoded.pop(name)[0].numpy() for name in ("offset_mapping", "special_tokens_mask"))
    with torch.inference_mode():
        hidden = AutoModel.from_pretrained(base)(**encoded).last_hidden_state[0].numpy()
    own = (special == 0) & (offsets[:, 0] >= len(prompt))
    return hidden[own], offsets[own] - len(prompt)


def test_late_chunking_is_the_mean_of_the_states_of_one_pass(pair, base):
    ours, _ = pair
    for prompt in ("", "a cat "):
        found = chunks(ours, inputs=TEXTS, spans=SPANS, late_chunking=True, prompt=prompt)
        assert [places(text) for text in found] == SPANS
        for text, own, spans in zip(TEXTS, found, SPANS, strict=True):
            hidden, offsets = states(base, text, prompt)
            for vector, (start, stop) in zip(vectors(own), spans, strict=True):
                mean = hidden[(offsets[:, 0] >= start) & (offsets[:, 0] < stop)].mean(axis=0)
                assert np.abs(vector - mean / np.linalg.norm(mean)).max() < 1e-5
    (sized,) = chunks(ours, inputs=TEXTS[0], late_chunking=True, chunk_size=6, prompt="")
    hidden, offsets = states(base, TEXTS[0])
    for number, chunk in enumerate(sized):
        own = slice(6 * number, 6 * number + 6)
        assert places([chunk]) == [(offsets[own][0][0], offsets[own][-1][1])]
        mean = hidden[own].mean(axis=0)
        assert np.abs(chunk["embedding"] - mean / np.linalg.norm(mean)).max() < 1e-5
    assert sum(len(hidden[6 * number : 6 * number + 6]) for number in range(len(sized))) == len(hidden)


def test_late_chunks_of_a_long_text_cover_it(pair):
    (found,) = chunks(pair[0], inputs=LONG, late_chunking=True, chunk_size=50, prompt="")
    assert places(found)[0][0] == 0
    assert places(found)[-1][1] == len(LONG.rstrip())


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"spans": SPANS[:1]}, '"spans" has 1 lists, and there are 2 texts'),
        ({"spans": [[(0, 99)], [(0, 1)]]}, "has 79 characters and has the span [0, 99]"),
        ({"spans": [[(5, 5)], [(0, 1)]]}, "has the span [5, 5]"),
        ({"spans": [[], [(0, 1)]]}, "has no span"),
        ({"spans": SPANS, "chunk_size": 3}, "leave out"),
        ({"spans": [[(0, 3), (20, 21)], [(0, 1)]]}, "chunk 2 of text 1 of 2 is empty"),
        ({"spans": [[(0, 3), (20, 21)], [(0, 1)]], "late_chunking": True}, "the span [20, 21] of text 1 has no token"),
        ({"chunk_size": 4, "overlap": 4}, '"overlap" is 4'),
        ({"late_chunking": True, "pooling": "cls"}, "this model pools by cls"),
    ],
)
def test_wrong_chunks(pair, body, words):
    body = {"task": "chunk-embedding", "inputs": TEXTS, **body}
    assert words in ask(pair[0], body, status=422)["error"]
