"""Checkpoint folders of many layouts, packed, loaded and compared as `python -m tests.layouts` does."""

import os
import signal

import numpy as np
import orjson
import pytest
import torch
import transformers

from handler.types import Row
from scripts.console import Failure
from scripts.packing import pack
from scripts.sources import checkpoint as checkpoints
from scripts.sources.configuration import hidden_size, vocabulary_size
from tests.layouts import catalogue, models, pool, table, tokenizers, verdicts
from tests.layouts.comparing import Asked, Found, note
from tests.layouts.layout import Layout, edit
from tests.layouts.verdicts import EQUAL, KILLED, REFUSED, TRACEBACK, WRONG, Verdict

pytestmark = pytest.mark.filterwarnings("ignore")
SERVED = """
albert: bare; bert: ForPreTraining; bert: ForTokenClassification; camembert: ForMaskedLM; esm: bare
configuration: class CustomModel; configuration: no model_max_length, luke; convbert: bare
cross-encoder: version 2, Identity; cross-encoder: version 4, Tanh; cross-encoder: version 4, roberta, 3 labels
cross-encoder: version 6, electra, 1 score; distilbert: ForQuestionAnswering; files: bfloat16, masked words
files: LoRA beside weights; files: Trainer, finished; flaubert: bare; funnel: bare; mobilebert: bare
roberta: ForSequenceClassification, multi-label; sentence-transformers: Dense GELU
convbert: ForMultipleChoice; cross-encoder: version 6, gte, 3 labels; flaubert: ForMaskedLM
longformer: ForSequenceClassification, 3 labels; mobilebert: ForNextSentencePrediction
qwen3: ForSequenceClassification, 3 labels; t5: ForTokenClassification; xlnet: ForQuestionAnswering
sentence-transformers: Dense SiLU; sentence-transformers: pooling mean and max
sentence-transformers: family t5, Dense; sentence-transformers: form of versions 2 to 5
sentence-transformers: pooling weightedmean; sentence-transformers: SPLADE, DistilBERT
sentence-transformers: Router, one encoder and two Dense
sentence-transformers: truncate_dim; tokenizer: added tokens, RoBERTa; tokenizer: cuts on the left
tokenizer: no special tokens; tokenizer: no token types; tokenizer: other names of special tokens
tokenizer: tokenizer.json only, MPNet
tokenizer: vocab.json and merges.txt; umt5: bare
"""
FEW = {"t5: ForTokenClassification": 8, "xlnet: ForQuestionAnswering": 3}
"""Answers of archives that only have the task of their head."""
REFUSALS = {
    "files: only GGUF": "no weights",
    "files: LoRA alone": "config.json",
    "tokenizer: none": "no tokenizer",
    "tokenizer: fewer rows than tokens": "the model has 590 rows",
    "sentence-transformers: Router, two encoders": "an archive has one",
}


def titles(text):
    return [title.strip() for line in text.strip().splitlines() for title in line.split(";")]


@pytest.fixture(scope="module")
def layouts():
    return {layout.title: layout for layout in catalogue.find()}


@pytest.mark.parametrize("title", titles(SERVED))
def test_served_as_by_the_reference(layouts, tmp_path, title):
    found = verdicts.judge(layouts[title], tmp_path)
    assert found.said == EQUAL, found
    assert found.compared >= FEW.get(title, 9)


@pytest.mark.parametrize("title", REFUSALS)
def test_refused_with_a_reason_and_a_remedy(layouts, tmp_path, title):
    found = verdicts.packed(title, made(layouts[title], tmp_path), {})
    assert found.said == REFUSED, found
    assert REFUSALS[title] in found.detail
    assert found.remedy


def made(layout, here):
    layout.make(here / "folder")
    return here


def archive(here, **handler):
    packed, _ = pack.pack(here / "folder", "x", "1.0", {"handler": handler}, here / "store")
    return verdicts.load(packed, here / "unpacked")


def ask(pipeline, **body):
    (reply,) = pipeline.answer([Row({"body": orjson.dumps(body)}, {}, "application/json", trusted=True)])
    return reply.status, orjson.loads(reply.body)


def test_a_pair_has_token_types_only_where_its_tokenizer_gives_them(tmp_path):
    scores = {}
    for name, given in {"with": None, "without": ["input_ids", "attention_mask"]}.items():
        here = tmp_path / name
        tokenizers.flags(here / "folder", named=tokenizers.CLASSIFIER, model_input_names=given)
        pipe = transformers.pipeline("text-classification", str(here / "folder"), top_k=None, device="cpu")
        want = {row["label"]: row["score"] for row in pipe({"text": "the river", "text_pair": "the rain"})}
        _, ((*rows,),) = ask(archive(here), inputs=[["the river", "the rain"]])
        assert {row["label"]: row["score"] for row in rows} == pytest.approx(want, abs=1e-5)
        scores[name] = want["LABEL_0"]
    assert abs(scores["with"] - scores["without"]) > 1e-3


@pytest.mark.parametrize(("make", "least"), [(tokenizers.no_special_tokens, 1), ("funnel", 3)])
def test_a_text_too_short_for_the_model_is_refused(tmp_path, make, least):
    if make == "funnel":
        models.save(tmp_path / "folder", "funnel")
    else:
        make(tmp_path / "folder")
    pipeline = archive(tmp_path)
    assert pipeline.config.min_length == least
    status, answer = ask(pipeline, inputs=["the ferry", "\u200b"])
    assert status == 422
    assert "text 2 of 2 has" in answer["error"]
    assert ask(pipeline, inputs=["the ferry"])[0] == 200


@pytest.mark.parametrize(("family", "matters"), [("mobilebert", True), ("albert", False)])
def test_states_do_not_depend_on_what_is_beside_a_text(tmp_path, family, matters):
    models.save(tmp_path / "folder", family)
    pipeline = archive(tmp_path)
    assert pipeline.config.equal_lengths is matters
    (_, alone), (_, beside) = ask(pipeline, inputs=["rain"]), ask(pipeline, inputs=["rain", "the ferry " * 30])
    peak = np.abs(alone[0]).max()
    assert np.abs(np.array(alone[0]) - beside[0]).max() <= 2e-5 * max(1, peak)


def test_weights_that_are_missing_are_named_without_a_class_of_ours(tmp_path):
    from safetensors.torch import load_file, save_file

    models.save(tmp_path / "folder", "albert")
    file = tmp_path / "folder" / "model.safetensors"
    save_file({name: each for name, each in load_file(file).items() if "ffn." not in name}, file, {"format": "pt"})
    with pytest.raises(Failure) as raised:
        archive(tmp_path)
    assert "lacks 2 weights" in raised.value.why
    assert "ConfigError" not in raised.value.why


def test_sizes_that_a_family_calls_otherwise():
    assert hidden_size({"model_type": "t5", "d_model": 48}) == 48
    assert hidden_size({"model_type": "xlm", "emb_dim": 48}) == 48
    assert vocabulary_size({"model_type": "xlm", "n_words": 70}) == 70
    with pytest.raises(Failure, match="does not read"):
        hidden_size({"model_type": "nobody's"})


@pytest.mark.parametrize("padding", [0, 1])
def test_positions_of_mpnet_begin_at_2_whatever_its_padding_id(tmp_path, padding):
    folder = models.save(tmp_path / "folder", "mpnet", pad_token_id=padding)
    positions = checkpoints.read(folder).positions
    run = transformers.AutoModel.from_pretrained(folder)
    assert run(torch.full((1, positions), 9)).last_hidden_state.shape[1] == 128
    with pytest.raises(IndexError):
        run(torch.full((1, positions + 1), 9))


def test_what_is_compared_can_differ():
    asked = Asked("embedding", {}, lambda: None)
    for got, wrong in (([1.0, 30.0], ""), ([1.0, 30.01], "apart"), ([1.0], "numbers"), (["a", 30.0], "for")):
        found = Found()
        note(found, asked, got, np.array([1.0, 30.0]))
        assert (wrong in found.wrong) is bool(found.wrong or not wrong), got
        assert bool(found.wrong) is bool(wrong)


def test_a_wrong_archive_is_called_wrong(tmp_path, monkeypatch, layouts):
    monkeypatch.setattr("tests.layouts.references.Reference.states", lambda self, text: np.ones((9, 64)))
    assert verdicts.judge(layouts["albert: bare"], tmp_path).said == WRONG


def test_an_exception_of_ours_is_a_traceback(tmp_path, monkeypatch, layouts):
    monkeypatch.setattr(pack, "configure", lambda *_: {}["dim"])
    found = verdicts.judge(layouts["albert: bare"], tmp_path)
    assert (found.said, found.detail) == (TRACEBACK, "KeyError: 'dim'")


def test_a_folder_that_kills_its_process_is_a_row(tmp_path):
    def die(folder):
        os.kill(os.getpid(), signal.SIGKILL)

    def refuse(folder):
        folder.mkdir()

    found = list(pool.run([Layout("x", "dies", die), Layout("x", "refused", refuse)], tmp_path))
    assert {each.title: each.said for each in found}["x: dies"] == KILLED
    assert len(found) == 2


def test_rows_replace_those_of_the_same_folders(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"# Page\n\n{table.BEGIN}{table.END}\nend\n")
    names = ["a: one", "b: two"]
    table.write([Verdict("b: two", REFUSED, "x | y", "do"), Verdict("a: one", EQUAL)], names, page)
    table.write([Verdict("b: two", WRONG, "apart")], names, page)
    text = page.read_text()
    assert [row[1:] for row in table.ROW.findall(text)] == [(EQUAL,), (WRONG,)]
    assert text.index("| b | 1 | 0 |") < text.index("| a | 0 | 1 |") < text.index("| a: one |") < text.index("end")


def test_a_key_that_is_none_goes(tmp_path):
    (tmp_path / "x.json").write_text('{"a": 1, "b": 2}')
    edit(tmp_path / "x.json", a=None, b=3)
    assert models.read(tmp_path / "x.json") == {"b": 3}
