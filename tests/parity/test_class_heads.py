"""Heads of families without a fast runtime, which transformers' own classes compute: against those classes."""

import json
import shutil

import numpy as np
import orjson
import pytest
import torch
import transformers

from handler.runtimes.base import Placement
from handler.runtimes.eager import Eager
from handler.types import Row
from scripts.console import Failure
from scripts.packing import pack as packer
from scripts.sources import checkpoint as checkpoints
from tests.asking import ask, check
from tests.heads import labels
from tests.layouts import models, verdicts

pytestmark = pytest.mark.filterwarnings("ignore")
TEXTS = ["The ferry crosses the river twice a day.", "naïve café 🙂", "我住在北京", "hello"]
NAMES = ["bad", "good", "fair"]


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    named = "SqueezeBertForSequenceClassification"
    return models.save(tmp_path_factory.mktemp("class") / "model", "squeezebert", named, **labels(NAMES))


@pytest.fixture(scope="module")
def masked(tmp_path_factory):
    return models.save(tmp_path_factory.mktemp("class") / "model", "convbert", "ConvBertForMaskedLM")


def archive(folder, here, **handler):
    packed, _ = packer.pack(folder, "x", "1.0", {"handler": {"threads": 1, **handler}}, here / "store")
    return verdicts.load(packed, here / "unpacked")


@pytest.fixture(scope="module")
def classifying(classifier, tmp_path_factory):
    return archive(classifier, tmp_path_factory.mktemp("packed"))


def logits(folder, kind, text):
    model = getattr(transformers, kind).from_pretrained(folder).eval()
    with torch.no_grad():
        return model(**transformers.AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt")).logits[0]


def test_texts_of_different_lengths_together_have_the_scores_of_each_alone(classifier, classifying):
    found = ask(classifying, {"inputs": TEXTS})
    for text, labelled in zip(TEXTS, found, strict=True):
        expected = logits(classifier, "SqueezeBertForSequenceClassification", text).softmax(0).tolist()
        check({each["label"]: each["score"] for each in labelled}, dict(zip(NAMES, expected, strict=True)))


def test_an_archive_of_such_a_head_offers_what_reads_it_and_says_how_to_get_embeddings(classifying):
    offered = ask(classifying, {"task": "info"})
    assert offered["tasks"] == ["text-classification", "word-vectors", "tokenize", "decode", "info"]
    assert offered["hidden_size"] == 64
    refused = ask(classifying, {"task": "embedding", "inputs": "hello"}, status=404)
    assert "no token states" in refused["error"]
    assert "--task embedding" in refused["error"]


def test_another_task_leaves_the_head_out_and_says_so(classifier, tmp_path, capsys):
    ours = archive(classifier, tmp_path, task="hidden-states")
    assert "SqueezeBertForSequenceClassification computes it with the encoder" in " ".join(
        capsys.readouterr().err.split()
    )
    (states,) = ask(ours, {"inputs": TEXTS[0]})
    encoder = transformers.AutoModel.from_pretrained(classifier).eval()
    words = transformers.AutoTokenizer.from_pretrained(classifier)
    with torch.no_grad():
        expected = encoder(**words(TEXTS[0], return_tensors="pt")).last_hidden_state[0]
    assert np.abs(np.array(states) - expected.numpy()).max() < 1e-5
    assert "rerank" not in ask(ours, {"task": "info"})["tasks"]


def test_another_runtime_does_not_have_it_and_says_which_has(classifier):
    with pytest.raises(Failure, match="cannot do text-classification") as refused:
        packer.configure(checkpoints.read(classifier), {"handler": {"runtime": "torchscript"}})
    assert "--runtime eager has them" in refused.value.why


def test_scores_that_stay_on_a_gpu_are_the_same(classifier, classifying, tmp_path):
    there = archive(classifier, tmp_path)
    there.runtime.outputs_on_device = True
    assert ask(there, {"inputs": TEXTS}) == ask(classifying, {"inputs": TEXTS})


@pytest.mark.parametrize("runtime", ["auto", "eager"])
def test_a_head_with_an_activation_of_transformers_alone(make, tmp_path, runtime):
    folder = make("Bert", "ForMaskedLM", hidden_act="laplace")
    (found,) = ask(archive(folder, tmp_path, runtime=runtime), {"inputs": "the [MASK] to Lisbon", "top_k": 2})
    tokens = transformers.AutoTokenizer.from_pretrained(folder)("the [MASK] to Lisbon")["input_ids"]
    best = logits(folder, "BertForMaskedLM", "the [MASK] to Lisbon")[tokens.index(103)].softmax(0).topk(2)
    check([each["token"] for each in found], best.indices.tolist())
    check([each["score"] for each in found], best.values.tolist())


def test_words_are_scored_from_states_at_the_masks_alone(masked, tmp_path):
    ours = archive(masked, tmp_path)
    assert {"embedding", "fill-mask", "sparse-embedding"} <= {*ask(ours, {"task": "info"})["tasks"]}
    words = transformers.AutoTokenizer.from_pretrained(masked)
    text = f"The ferry {words.mask_token} the river twice a day."
    place = words(text)["input_ids"].index(words.mask_token_id)
    best = logits(masked, "ConvBertForMaskedLM", text)[place].softmax(0).topk(3)
    (found,) = ask(ours, {"inputs": text, "top_k": 3})
    check([each["token"] for each in found], best.indices.tolist())
    check([each["score"] for each in found], best.values.tolist())
    seen = []
    ours.tasks["fill-mask"].model.head.model.register_forward_hook(
        lambda module, inputs, outputs: seen.append(outputs.logits.shape)
    )
    ask(ours, {"inputs": [text] * 2 + [text + " hello" * 9]})
    assert sum(shape[1] for shape in seen) == 3  # masks


def test_scores_by_the_last_token_do_not_depend_on_padding(make, tmp_path):
    """The packer has found that padding matters, and gives texts of one length to a pass."""
    folder = make("RoFormer", "ForMultipleChoice")
    ours = archive(folder, tmp_path, runtime="eager")
    assert ours.config.equal_lengths
    model = transformers.AutoModelForMultipleChoice.from_pretrained(folder).eval()
    words = transformers.AutoTokenizer.from_pretrained(folder)
    with torch.no_grad():
        encoded = [words("ferry", text, return_tensors="pt") for text in TEXTS]
        expected = [model(**{key: each[None] for key, each in one.items()}).logits.item() for one in encoded]
    found = ask(ours, {"query": "ferry", "texts": TEXTS})
    check([each["score"] for each in found], sorted(expected, reverse=True))


def test_an_encoder_and_its_head_are_loaded_by_the_class_that_the_archive_names(classifier, classifying, tmp_path):
    assert type(classifying.runtime.model).__name__ == "SqueezeBertForSequenceClassification"
    assert type(Eager(classifier, Placement("cpu", "float32")).model).__name__ == "SqueezeBertModel"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda state: state.pop("classifier.weight"), "lacks classifier.weight of its head"),
        (lambda state: state.update({"classifier.bias": torch.zeros(5)}), "the weights have 5 scores"),
        (lambda state: state["classifier.bias"].fill_(torch.nan), "classifier.bias holds NaN"),
    ],
)
def test_weights_that_give_no_head_are_refused(classifier, tmp_path, change, said):
    from safetensors.torch import load_file, save_file

    state = load_file(classifier / "model.safetensors")
    change(state)
    for file in classifier.iterdir():
        (tmp_path / "folder").mkdir(exist_ok=True)
        (tmp_path / "folder" / file.name).write_bytes(file.read_bytes())
    save_file(state, tmp_path / "folder" / "model.safetensors", {"format": "pt"})
    with pytest.raises(Failure) as refused:
        archive(tmp_path / "folder", tmp_path)
    assert said in f"{refused.value.what} {refused.value.why}"
    assert not [*(tmp_path / "store").glob("*.mar")]


def test_a_head_that_needs_more_than_a_token_s_state_is_refused(masked, tmp_path, monkeypatch):
    def smeared(self, hidden):
        return hidden.mean(1, keepdim=True).expand_as(hidden)

    kind = transformers.models.convbert.modeling_convbert.ConvBertGeneratorPredictions
    monkeypatch.setattr(kind, "forward", smeared)
    with pytest.raises(Failure, match="by more than the states"):
        archive(masked, tmp_path)


def test_a_reply_of_a_batch_does_not_depend_on_its_neighbours(classifying):
    alone = [ask(classifying, {"inputs": text})[0] for text in TEXTS]
    rows = [Row({"body": orjson.dumps({"inputs": text})}, {}, "application/json", "") for text in TEXTS]
    together = [orjson.loads(reply.body)[0] for reply in classifying.answer(rows)]
    check(together, alone)


def test_a_class_that_is_not_the_family_s_own_for_its_head_is_refused(tmp_path):
    folder = models.save(tmp_path / "model", "xlnet", "XLNetForQuestionAnswering")
    with pytest.raises(Failure, match="cannot do question-answering") as refused:
        packer.configure(checkpoints.read(folder), {})
    assert refused.value.why == "heads of XLNetForQuestionAnswering are not supported"


def test_a_task_that_is_refused_names_those_of_the_head(classifier):
    with pytest.raises(Failure, match="cannot do fill-mask") as refused:
        packer.configure(checkpoints.read(classifier), {"handler": {"task": "fill-mask"}})
    assert {"text-classification", "embedding"} <= {*refused.value.fix.replace(",", "").split()}


def test_an_encoder_that_is_not_whole_is_not_called_a_head(classifier, tmp_path):
    folder = shutil.copytree(classifier, tmp_path / "folder")
    said = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(said | {"intermediate_size": 32}))
    with pytest.raises(Failure) as refused:
        archive(folder, tmp_path)
    assert "of its head" not in refused.value.what
    assert "set intermediate_size of config.json to 128" in refused.value.fix
