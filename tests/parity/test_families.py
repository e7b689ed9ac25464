"""Every family that the fast runtimes know against transformers, on shapes that fit no vector."""

import json
from functools import cache
from inspect import signature

import numpy as np
import pytest
import torch
import transformers
from safetensors import safe_open
from transformers import pipeline

from handler import kernels
from handler.runtimes import find
from handler.runtimes.base import WEIGHTS, Placement
from scripts.packing import engines, layout
from scripts.sources import checkpoint as checkpoints
from scripts.sources.families import FAMILIES
from tests import heads
from tests.asking import ask, check
from tests.conftest import encoding
from tests.layouts.references import Reference
from tests.parity.families import CASES, FAR, FURTHER, POSITIONS, SHAPE
from tests.parity.test_explanations import LABELS, STEPS, TEXT, reference
from tests.parity.test_heads import MASKED, PAIRS, TEXTS

pytestmark = pytest.mark.skipif(kernels.detect_isa() is None, reason="this CPU has no kernels")


@pytest.fixture(scope="module", params=CASES)
def folder(request, tiny, tmp_path_factory):
    """A checkpoint with weights large enough to differ."""
    family, *_ = request.param.split()
    options = SHAPE | {"max_position_embeddings": POSITIONS} | CASES[request.param]
    words = json.loads((tiny / "config.json").read_text())["vocab_size"]
    model = getattr(transformers, f"{family}Model")(
        getattr(transformers, f"{family}Config")(vocab_size=words, **options)
    )
    heads.fill(model)
    made = tmp_path_factory.mktemp("family") / "model"
    model.save_pretrained(made)
    for file in ("tokenizer.json", "tokenizer_config.json"):
        (made / file).write_bytes((tiny / file).read_bytes())
    return made


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory):
    """Runtimes over one packed folder for each dtype."""

    @cache
    def packed(dtype):
        here = tmp_path_factory.mktemp(dtype)
        engines.write(checkpoints.read(folder), here, "auto", dtype)
        return here

    return lambda name, dtype="float32": find(name)(packed(dtype), Placement("cpu", dtype))


def sequences(folder):
    """Of many lengths up to the longest, each with two kinds of tokens and an id that some take for padding."""
    numbers = np.random.default_rng(0)
    lengths = [1, 2, 5, 12, 13, 31, 33, 64, checkpoints.read(folder).positions or FAR]
    made = [encoding(*map(int, numbers.integers(1, 30, length))) for length in lengths]
    for each in made:
        each.type_ids[len(each) // 2 :] = [1] * (len(each) - len(each) // 2)
    return made


def expected(folder, some, dtype=torch.float32):
    """States and pooled ones, each sequence alone."""
    model = transformers.AutoModel.from_pretrained(folder, dtype=dtype).eval()
    types = "token_type_ids" in signature(model.forward).parameters
    for each in some:
        inputs = {"input_ids": each.ids} | ({"token_type_ids": each.type_ids} if types else {})
        with torch.no_grad():
            found = model(**{name: torch.tensor([values]) for name, values in inputs.items()})
        yield found.last_hidden_state[0].float().numpy(), getattr(found, "pooler_output", None)


@pytest.mark.parametrize("runtime", ["native", "packed", "onnx"])
def test_states_are_those_of_transformers_alone_and_in_company(folder, run, runtime):
    ours, some = run(runtime), sequences(folder)
    together, alone = ours.run(some), [ours.run([each])[0] for each in some]
    for number, (states, pooled) in enumerate(expected(folder, some)):
        for got in (together[number], alone[number]):
            assert np.abs(got.hidden - states).max() < 1e-5
            assert (got.pooled is None) == (pooled is None)
            assert pooled is None or np.abs(got.pooled - pooled[0].numpy()).max() < 1e-5


@pytest.mark.parametrize("dtype", ["float32", "int8", "bfloat16"])
def test_a_sequence_has_the_same_bits_in_any_company_and_with_any_threads(folder, run, dtype):
    ours, some = run("native", dtype), sequences(folder)
    alone = [ours.run([each])[0].hidden for each in some]
    ours.use_threads(2)
    for order in (1, -1):
        for got, want in zip(ours.run(some[::order]), alone[::order], strict=True):
            assert (got.hidden == want).all()


def test_8_bits_are_near(folder, run):
    some = sequences(folder)
    exact = np.concatenate([each.hidden for each in run("native").run(some)])
    for runtime in ("native", "onnx"):
        small = np.concatenate([each.hidden for each in run(runtime, "int8").run(some)])
        assert 1e-5 < np.abs(small - exact).mean() < 0.08


def test_bfloat16_is_nearer_to_float32_than_transformers_own(folder, run):
    """Which rounds what lies between the products, too."""
    if '"deberta"' in (folder / "config.json").read_text():
        pytest.skip("transformers multiplies its bfloat16 with float32, and fails")
    some = sequences(folder)
    exact, theirs = (
        [states for states, _ in expected(folder, some, dtype)] for dtype in (torch.float32, torch.bfloat16)
    )
    ours = [each.hidden for each in run("native", "bfloat16").run(some)]
    off, limit = (np.abs(np.concatenate(found) - np.concatenate(exact)).mean() for found in (ours, theirs))
    print(f"mean difference to float32: {off:.2e}, transformers in bfloat16 {limit:.2e}")
    assert 1e-4 < off < limit


def test_weights_that_layers_share_are_stored_once(folder, run):
    with safe_open(run("native").checkpoint / WEIGHTS, framework="np") as file:
        stored = {name.split(".")[1] for name in file.keys() if name.startswith("layers.")}  # noqa: SIM118 - no dict
    config = json.loads((folder / "config.json").read_text())
    groups = config.get("num_hidden_groups")
    assert len(stored) == (groups * config["inner_group_num"] if groups else config["num_hidden_layers"])


def test_what_is_longer_than_distances_reach_is_refused(folder, run):
    if "mpnet" in (folder / "config.json").read_text():
        longest = checkpoints.read(folder).positions
        for runtime in ("native", "packed"):
            with pytest.raises(IndexError, match=f"a sequence of {longest + 1} tokens; .* for {longest}"):
                run(runtime).run([encoding(*[5] * (longest - 1), 1, 1)])  # padding takes no position


def test_angles_of_another_kind_are_for_transformers():
    kinds = {"full_attention": {"rope_type": "longrope"}, "sliding_attention": {"rope_type": "default"}}
    for keys, other in (({"rope_parameters": kinds}, "longrope"), ({"rope_scaling": {"type": "linear"}}, "scaled")):
        assert layout.unsupported_reason({"model_type": "modernbert", **keys}) == (
            f"rope_type {other} is not one of default, linear, yarn, llama3"
        )
    assert not layout.unsupported_reason({"model_type": "modernbert"})


def test_fewer_buckets_than_are_used_are_for_transformers():
    config = {"model_type": "mpnet", "relative_attention_num_buckets": 16}
    assert layout.unsupported_reason(config) == "relative_attention_num_buckets is 16, and 32 are used"


HEADS = {
    "sequence": "ForSequenceClassification",
    "tokens": "ForTokenClassification",
    "span": "ForQuestionAnswering",
    "vocabulary": "ForMaskedLM",
}


def having(kind):
    """Further families whose head of that kind is the first of its layers; the others are in `tests.layouts`."""
    heads = {each: FAMILIES[model_type(each)].heads.get(kind) for each in FURTHER}
    chains = list(heads.values())
    own = [each for number, (each, chain) in enumerate(heads.items()) if chain and chain not in chains[:number]]
    return pytest.mark.parametrize("further", own)


def model_type(further):
    return getattr(transformers, f"{further}Config").model_type


@pytest.mark.parametrize("further", FURTHER)
def test_every_further_family_is_here_with_the_heads_that_transformers_has(further):
    kinds = set(map(model_type, FURTHER))
    assert kinds == {name for name, each in FAMILIES.items() if each.encoder} - {
        *("bert", "roberta", "xlm-roberta", "camembert", "distilbert")
    }
    served = FAMILIES[model_type(further)].heads
    assert set(served) == {kind for kind, name in HEADS.items() if hasattr(transformers, further + name)}


@having("sequence")
@pytest.mark.parametrize("options", [{}, {"problem_type": "multi_label_classification"}], ids=["one", "several"])
def test_labels_of_a_text(make, load, further, options):
    folder = make(further, "ForSequenceClassification", **heads.labels(LABELS), **options)
    ours, theirs = load(folder, "native"), pipeline("text-classification", str(folder))
    check(ask(ours, {"inputs": TEXTS}), theirs(TEXTS, top_k=None))
    pairs = [theirs({"text": left, "text_pair": right}, top_k=None) for left, right in PAIRS]
    check(ask(ours, {"inputs": PAIRS}), pairs)


@pytest.mark.parametrize("runtime", ["native", "packed as on a GPU", "eager"])
@pytest.mark.parametrize(("family", "pooling"), [("ModernBert", "mean"), ("EuroBert", "mean"), ("EuroBert", "late")])
def test_labels_by_the_mean_of_all_tokens(make, load, runtime, family, pooling):
    folder = make(family, "ForSequenceClassification", **heads.labels(LABELS), classifier_pooling=pooling)
    check(
        ask(load(folder, runtime), {"inputs": TEXTS}), pipeline("text-classification", str(folder))(TEXTS, top_k=None)
    )
    first = {"ModernBert": "cls", "EuroBert": "bos"}[family]
    other = make(family, "ForSequenceClassification", **heads.labels(LABELS), classifier_pooling=first)
    assert ask(load(other, runtime), {"inputs": TEXTS}) != ask(load(folder, runtime), {"inputs": TEXTS})


@having("tokens")
def test_labels_of_tokens(make, load, further):
    folder = make(further, "ForTokenClassification", **heads.labels(heads.LABELS))
    options = {"aggregation_strategy": "first", "ignore_labels": []}
    check(ask(load(folder, "native"), {"inputs": TEXTS, **options}), pipeline("ner", str(folder))(TEXTS, **options))


@having("vocabulary")
def test_words_for_masks(make, load, further):
    folder = make(further, "ForMaskedLM")
    check(
        ask(load(folder, "native"), {"inputs": MASKED}), [pipeline("fill-mask", str(folder))(text) for text in MASKED]
    )


@having("span")
def test_answers_to_a_question(make, load, further):
    folder = make(further, "ForQuestionAnswering")
    ours, theirs = load(folder, "native"), Reference(folder)
    for question, context in PAIRS:
        got = ask(ours, {"question": question, "context": context, "align_to_words": False})
        check(got["score"] if isinstance(got, dict) else got[0]["score"], theirs.span(question, context))


@pytest.mark.parametrize(
    ("further", "options"),
    [
        *((each, {}) for each in FURTHER if each not in ("Data2VecText", "RobertaPreLayerNorm", "XLMRobertaXL")),
        ("ModernBert", {"classifier_pooling": "mean"}),
        ("EuroBert", {"classifier_pooling": "bos"}),
    ],
    ids=str,
)
def test_what_a_label_rests_on(make, load, further, tokenizer, options):
    folder = make(further, "ForSequenceClassification", **heads.labels(LABELS), **options)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder, attn_implementation="eager").eval()
    want, ends = reference(model, tokenizer, lambda out: out.logits[0, 0], text=TEXT)
    body = {"task": "explanations", "inputs": TEXT, "steps": STEPS, "target": "bad", "attention": True}
    [[got]] = ask(load(folder, "native"), body)
    assert np.abs(np.array(got["attributions"]) - want).max() < 1e-5
    assert [got["score"], got["baseline"]] == pytest.approx(ends, abs=1e-5)
    with torch.no_grad():
        maps = model(**tokenizer(TEXT, return_tensors="pt"), output_attentions=True).attentions
    assert np.abs(np.array(got["attention"]) - torch.cat(maps).numpy()).max() < 1e-5
