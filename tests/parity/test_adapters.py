"""LoRA merged by `pack --adapter`, against its forward pass beside the base's, and against peft where that is there."""

import json
import shutil
from importlib.util import find_spec

import numpy as np
import pytest
import torch
import transformers
from safetensors import safe_open
from safetensors.torch import save_file
from torch.nn import functional

from scripts.adapters import apply as adapters
from scripts.console import Failure
from scripts.packing import pack as packer
from scripts.sources import checkpoint as checkpoints

R, ALPHA = 3, 6
PREFIX = "base_model.model."
QUERY, UP = "encoder.layer.0.attention.self.query", "encoder.layer.1.intermediate.dense"
WORDS = "embeddings.word_embeddings"
CONFIG = {
    "peft_type": "LORA",
    "task_type": "FEATURE_EXTRACTION",
    "base_model_name_or_path": "some/base",
    "r": R,
    "lora_alpha": ALPHA,
    "bias": "none",
    "fan_in_fan_out": False,
    "init_lora_weights": True,
    "modules_to_save": None,
    "target_modules": ["query", "dense", "word_embeddings"],
}
"""Keys of an `adapter_config.json` of peft 0.21."""
KINDS = {
    "alpha over rank": {},
    "over the root of the rank": {"use_rslora": True},
    "alphas of some": {"alpha_pattern": {"self.query": 1, "nothing": 9}},
    "magnitudes": {"use_dora": True},
    "biases": {"bias": "lora_only", "lora_bias": True},
}


def parts(module, shape, kind):
    """Random ones of a layer, by the names that peft stores."""
    numbers = np.random.default_rng(len(module))

    def draw(*sizes):
        return torch.from_numpy(numbers.normal(0, 0.2, sizes).astype(np.float32))

    rows, columns = shape
    name = f"{PREFIX}{module}"
    if module == WORDS:
        found = {f"{name}.lora_embedding_A": draw(R, rows), f"{name}.lora_embedding_B": draw(columns, R)}
        return found | ({f"{name}.lora_magnitude_vector.weight": draw(columns)} if kind.get("use_dora") else {})
    found = {f"{name}.lora_A.weight": draw(R, columns), f"{name}.lora_B.weight": draw(rows, R)}
    if kind.get("use_dora"):
        found[f"{name}.lora_magnitude_vector.weight"] = draw(rows)
    if kind.get("lora_bias"):
        found |= {f"{name}.lora_B.bias": draw(rows), f"{name}.base_layer.bias": draw(rows)}
    return found


def written(folder, config, tensors):
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text(json.dumps({**CONFIG, **config}))
    save_file(tensors, folder / "adapter_model.safetensors", {"format": "pt"})
    return folder


def states(model, ids=(5, 6, 7, 8, 9)):
    with torch.no_grad():
        return model.eval()(torch.tensor([ids])).last_hidden_state[0].numpy()


def beside(model, tensors, kind):
    """Hooks that put each layer's adapter beside its product, as peft's forward pass does."""
    for module in (QUERY, UP, WORDS):
        layer, before = model.get_submodule(module), f"{PREFIX}{module}."
        given = {name.removeprefix(before): each for name, each in tensors.items() if name.startswith(before)}
        alpha = 1 if "alpha_pattern" in kind and module == QUERY else ALPHA
        scale = alpha / (R**0.5 if kind.get("use_rslora") else R)
        if module == WORDS:
            a, b = given["lora_embedding_A"].T, given["lora_embedding_B"].T
            size = given.get("lora_magnitude_vector.weight")
            new = layer.weight + a @ b * scale
            factor = 1 if size is None else size / new.norm(dim=0)
            layer.register_forward_hook(lambda _, x, out, a=a, b=b, f=factor, s=scale: f * (out + a[x[0]] @ b * s))
            continue
        a, b = given["lora_A.weight"], given["lora_B.weight"]
        bias = given.get("base_layer.bias", layer.bias)
        further = given.get("lora_B.bias", torch.zeros(len(b))) * scale
        size = given.get("lora_magnitude_vector.weight")
        factor = 1 if size is None else size / (layer.weight + b @ a * scale).norm(dim=1)

        def hook(_, x, out, weight=layer.weight, a=a, b=b, f=factor, s=scale, bias=bias, further=further):
            return f * (functional.linear(x[0], weight) + x[0] @ a.T @ b.T * s) + bias + further

        layer.register_forward_hook(hook)
    return model


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_states_are_those_of_the_adapter_beside_its_base(tiny, tmp_path, kind):
    model = transformers.AutoModel.from_pretrained(tiny)
    shapes = {name: tuple(model.state_dict()[f"{name}.weight"].shape) for name in (QUERY, UP, WORDS)}
    tensors = {name: each for module, shape in shapes.items() for name, each in parts(module, shape, kind).items()}
    made = adapters.apply(tiny, str(written(tmp_path / "lora", kind, tensors)))
    with torch.no_grad():
        theirs = states(beside(model, tensors, kind))
    ours = transformers.AutoModel.from_pretrained(made)
    assert np.abs(states(ours) - theirs).max() < 1e-5
    assert np.abs(states(transformers.AutoModel.from_pretrained(tiny)) - theirs).max() > 0.1


def test_a_head_of_its_own_and_labels_come_with_a_classifiers_adapter(tiny, tmp_path):
    shape = (32, 32)
    tensors = {name.replace("encoder", "bert.encoder"): each for name, each in parts(QUERY, shape, {}).items()}
    tensors |= {f"{PREFIX}classifier.weight": torch.ones(3, 32), f"{PREFIX}classifier.bias": torch.arange(3.0)}
    folder = written(tmp_path / "lora", {"task_type": "SEQ_CLS", "modules_to_save": ["classifier"]}, tensors)
    (folder / "config.json").write_text(json.dumps({"id2label": {"0": "bad", "1": "fair", "2": "good"}}))
    found = checkpoints.read(adapters.apply(tiny, str(folder)))
    assert (found.task, found.config["id2label"]["2"]) == ("text-classification", "good")
    assert found.architecture == "BertForSequenceClassification"
    archive, _ = packer.pack(found.root, "a", "1.0", {"handler": {"runtime": "native"}}, tmp_path / "store")
    assert archive.exists()


def test_a_pooler_that_the_base_lacks_is_not_made_up(tiny, tmp_path):
    base = shutil.copytree(tiny, tmp_path / "base")
    transformers.BertModel.from_pretrained(tiny, add_pooling_layer=False).save_pretrained(base)
    made = adapters.apply(base, str(written(tmp_path / "lora", {}, parts(QUERY, (32, 32), {}))))
    with safe_open(made / "model.safetensors", framework="pt") as file:
        assert not [name for name in file.keys() if name.startswith("pooler")]  # noqa: SIM118 - it is no mapping


def test_an_adapter_within_its_base_is_found_by_its_name(tiny, tmp_path):
    base = shutil.copytree(tiny, tmp_path / "base")
    written(base / "retrieval_query", {}, parts(QUERY, (32, 32), {}))
    assert np.abs(states(transformers.AutoModel.from_pretrained(adapters.apply(base, "retrieval_query")))).max() > 0
    with pytest.raises(Failure, match=r"no adapter other: .* base has retrieval_query"):
        adapters.apply(base, "other")


REFUSED = {
    "peft_type is IA3": {"peft_type": "IA3"},
    "it has target_parameters": {"target_parameters": ["x"]},
    "it has layer_replication": {"layer_replication": [[0, 1]]},
    "it has trainable_token_indices": {"trainable_token_indices": [3]},
    "init_lora_weights pissa changes the base, too": {"init_lora_weights": "pissa"},
}


@pytest.mark.parametrize(("why", "config"), REFUSED.items(), ids=list(REFUSED))
def test_other_adapters_are_refused_by_name_with_the_command_of_peft(tiny, tmp_path, why, config):
    folder = written(tmp_path / "lora", config, parts(QUERY, (32, 32), {}))
    with pytest.raises(Failure, match=why) as caught:
        adapters.apply(tiny, str(folder))
    assert "merge_and_unload" in caught.value.fix


def test_what_does_not_belong_to_the_base_is_refused_with_names_and_sizes(tiny, tmp_path):
    other = written(tmp_path / "other", {}, parts("encoder.layer.7.attention.self.query", (32, 32), {}))
    with pytest.raises(Failure, match=r"changes encoder.layer.7.attention.self.query, which a BertModel does not"):
        adapters.apply(tiny, str(other))
    wide = written(tmp_path / "wide", {}, parts(QUERY, (32, 40), {}))
    with pytest.raises(Failure, match=r"32 x 40 in the adapter of encoder.layer.0.*, and 32 x 32 in its base"):
        adapters.apply(tiny, str(wide))
    half = parts(QUERY, (32, 32), {})
    half.popitem()
    with pytest.raises(Failure, match=r"the adapter of encoder.layer.0.attention.self.query has only A"):
        adapters.apply(tiny, str(written(tmp_path / "half", {}, half)))


@pytest.mark.skipif(not find_spec("peft"), reason="peft is no dependency of this project")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("Bert", {"target_modules": "all-linear"}),
        ("Bert", {"target_modules": ["query"], "use_rslora": True, "bias": "all", "alpha_pattern": {"query": 3}}),
        ("Bert", {"target_modules": ["query", "word_embeddings"], "use_dora": True, "rank_pattern": {"query": 2}}),
        ("Bert", {"target_modules": ["value"], "lora_bias": True, "modules_to_save": ["pooler"], "bias": "lora_only"}),
        ("ModernBert", {"target_modules": ["Wqkv", "Wi"], "fan_in_fan_out": True, "modules_to_save": ["final_norm"]}),
    ],
    ids=str,
)
def test_states_are_those_of_peft(make, tmp_path, kind, options):
    import peft

    base = make(kind, "Model")
    model = transformers.AutoModel.from_pretrained(base)
    made = peft.get_peft_model(model, peft.LoraConfig(r=4, lora_alpha=6, init_lora_weights=False, **options)).eval()
    torch.manual_seed(0)
    with torch.no_grad():
        for trained in filter(lambda each: each.requires_grad, made.parameters()):
            trained.add_(torch.randn_like(trained) * 0.1)
    made.save_pretrained(tmp_path / "lora")
    ours = transformers.AutoModel.from_pretrained(adapters.apply(base, str(tmp_path / "lora")))
    assert np.abs(states(ours) - states(made)).max() < 1e-5
