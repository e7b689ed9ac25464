"""Jina v3 as its authors published it, with an adapter for each task, against their model in a few lines."""

import json
import zipfile
from functools import cache

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import save_file
from torch.nn import functional

from handler import open_archive, unpacking
from handler.runtimes import find
from handler.runtimes.base import Placement
from scripts.adapters import apply as adapters
from scripts.console import Failure
from scripts.packing import engines
from scripts.packing import pack as packer
from scripts.sources import checkpoint as checkpoints
from scripts.sources import published
from tests.conftest import encoding

TASKS = ["retrieval.query", "retrieval.passage", "separation", "classification", "text-matching"]
RANK, ALPHA, BASE = 3, 2, 20000.0
HIDDEN, LAYERS, HEADS, WIDE = 36, 2, 3, 50
CODE = "jinaai/xlm-roberta-flash-implementation--"
CONFIG = {
    "architectures": ["XLMRobertaModel"],
    "auto_map": {
        "AutoConfig": f"{CODE}configuration_xlm_roberta.XLMRobertaFlashConfig",
        "AutoModel": f"{CODE}modeling_lora.XLMRobertaLoRA",
    },
    "model_type": "xlm-roberta",
    "hidden_size": HIDDEN,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "intermediate_size": WIDE,
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-5,
    "max_position_embeddings": 8194,
    "type_vocab_size": 1,
    "pad_token_id": 1,
    "position_embedding_type": "rotary",
    "rotary_emb_base": BASE,
    "use_flash_attn": True,
    "load_trained_adapters": True,
    "lora_adaptations": TASKS,
    "lora_alpha": ALPHA,
    "lora_rank": RANK,
    "lora_dropout_p": 0.0,
    "lora_main_params_trainable": False,
    "task_instructions": dict.fromkeys(TASKS, "") | {"retrieval.query": "how are ", "retrieval.passage": "a mat: "},
    "torch_dtype": "float32",
}
"""Keys of jina-embeddings-v3."""
ORIGINAL = "parametrizations.weight.original"
IDS = [0, *range(5, 40), 2]


def tensors(words):
    """Random ones, by the names that the hub's `model.safetensors` has."""
    numbers = np.random.default_rng(0)

    def draw(*shape):
        return torch.from_numpy(numbers.normal(0, 0.15, shape).astype(np.float32))

    made = {}

    def adapted(name, rows, columns, table=False):
        a, b = ((rows, RANK), (RANK, columns)) if table else ((RANK, columns), (rows, RANK))
        made[f"roberta.{name}.parametrizations.weight.original"] = draw(rows, columns)
        made[f"roberta.{name}.parametrizations.weight.0.lora_A"] = draw(len(TASKS), *a)
        made[f"roberta.{name}.parametrizations.weight.0.lora_B"] = draw(len(TASKS), *b)
        if not table:
            made[f"roberta.{name}.bias"] = draw(rows)

    def norm(name):
        made[f"roberta.{name}.weight"], made[f"roberta.{name}.bias"] = 1 + draw(HIDDEN), draw(HIDDEN)

    adapted("embeddings.word_embeddings", words, HIDDEN, table=True)
    adapted("embeddings.token_type_embeddings", 1, HIDDEN, table=True)
    norm("emb_ln")
    for layer in (f"encoder.layers.{number}" for number in range(LAYERS)):
        adapted(f"{layer}.mixer.Wqkv", 3 * HIDDEN, HIDDEN)
        adapted(f"{layer}.mixer.out_proj", HIDDEN, HIDDEN)
        norm(f"{layer}.norm1")
        adapted(f"{layer}.mlp.fc1", WIDE, HIDDEN)
        adapted(f"{layer}.mlp.fc2", HIDDEN, WIDE)
        norm(f"{layer}.norm2")
    adapted("pooler.dense", HIDDEN, HIDDEN)
    return made


class Theirs:
    """Their model: the weights as they are, and a task's adapter beside each product."""

    def __init__(self, weights, task):
        self.weights, self.task = weights, None if task is None else TASKS.index(task)

    def part(self, name, which):
        return self.weights[f"roberta.{name}.parametrizations.weight.0.lora_{which}"][self.task]

    def linear(self, name, x):
        weight, bias = (self.weights[f"roberta.{name}.{part}"] for part in (ORIGINAL, "bias"))
        out = x @ weight.T + bias
        if self.task is None:
            return out
        return out + (x @ self.part(name, "A").T) @ self.part(name, "B").T * ALPHA / RANK

    def row(self, name, ids):
        out = self.weights[f"roberta.{name}.{ORIGINAL}"][ids]
        return out if self.task is None else out + self.part(name, "A")[ids] @ self.part(name, "B") * ALPHA / RANK

    def norm(self, name, x):
        weight, bias = (self.weights[f"roberta.{name}.{part}"] for part in ("weight", "bias"))
        return functional.layer_norm(x, (HIDDEN,), weight, bias, 1e-5)

    def turned(self, x):
        size = x.shape[-1]
        fast = BASE ** (-torch.arange(0, size, 2) / size)
        angles = torch.arange(len(x))[:, None, None] * fast
        left, right = x[..., : size // 2], x[..., size // 2 :]
        cos, sin = angles.cos(), angles.sin()
        return torch.cat([left * cos - right * sin, right * cos + left * sin], -1)

    def states(self, ids):
        x = self.row("embeddings.word_embeddings", ids) + self.row("embeddings.token_type_embeddings", [0] * len(ids))
        x = self.norm("emb_ln", x)
        for layer in (f"encoder.layers.{number}" for number in range(LAYERS)):
            query, key, val = self.linear(f"{layer}.mixer.Wqkv", x).view(len(ids), 3, HEADS, HIDDEN // HEADS).unbind(1)
            scores = torch.einsum("qhd,khd->hqk", self.turned(query), self.turned(key)) / (HIDDEN // HEADS) ** 0.5
            mixed = torch.einsum("hqk,khd->qhd", scores.softmax(-1), val).reshape(len(ids), HIDDEN)
            x = self.norm(f"{layer}.norm1", x + self.linear(f"{layer}.mixer.out_proj", mixed))
            wide = functional.gelu(self.linear(f"{layer}.mlp.fc1", x))
            x = self.norm(f"{layer}.norm2", x + self.linear(f"{layer}.mlp.fc2", wide))
        return x.numpy(), torch.tanh(self.linear("pooler.dense", x[0])).numpy()


@pytest.fixture(scope="module")
def hub(tiny, tmp_path_factory):
    """The folder, and its tensors."""
    folder = tmp_path_factory.mktemp("jina") / "jina-embeddings-v3"
    folder.mkdir()
    words = json.loads((tiny / "config.json").read_text())["vocab_size"]
    (folder / "config.json").write_text(json.dumps({**CONFIG, "vocab_size": words}))
    weights = tensors(words)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    tokenizer = transformers.AutoTokenizer.from_pretrained(tiny)
    tokenizer.model_max_length = 8194
    tokenizer.save_pretrained(folder)
    kinds = {"": "custom_st.Transformer", "1_Pooling": "sentence_transformers.models.Pooling"}
    kinds["2_Normalize"] = "sentence_transformers.models.Normalize"
    listed = [
        {"idx": number, "name": str(number), "path": path, "type": kind}
        for number, (path, kind) in enumerate(kinds.items())
    ]
    listed[0]["kwargs"] = ["task"]
    (folder / "modules.json").write_text(json.dumps(listed))
    (folder / "1_Pooling").mkdir()
    pooling = {"word_embedding_dimension": HIDDEN, "pooling_mode_mean_tokens": True}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    prompts = {"prompts": CONFIG["task_instructions"], "default_prompt_name": None, "similarity_fn_name": "cosine"}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(prompts))
    return folder, weights


@pytest.fixture(scope="module")
def having(hub):
    """The folder that is packed for a task."""
    folder, _ = hub
    return cache(lambda task: adapters.apply(folder, task) if task else folder)


@pytest.mark.parametrize("runtime", ["native", "packed", "eager"])
@pytest.mark.parametrize("task", [None, "retrieval.query", "text-matching"])
def test_states_are_those_of_the_task(hub, having, tmp_path, task, runtime):
    checkpoint = checkpoints.read(having(task))
    engines.link(checkpoint.folder / "config.json", tmp_path)
    engines.write(checkpoint, tmp_path, runtime, "float32")
    ours = find(runtime)(tmp_path, Placement("cpu", "float32"))
    states, pooled = Theirs(hub[1], task).states(IDS)
    alone, company = ours.run([encoding(*IDS)])[0], ours.run([encoding(*IDS), encoding(5, 6, 7)])[0]
    assert np.abs(alone.hidden - states).max() < 1e-5
    assert np.abs(alone.pooled - pooled).max() < 1e-5
    assert runtime != "native" or (alone.hidden == company.hidden).all()


def test_8_bits_are_near(hub, having, tmp_path):
    engines.write(checkpoints.read(having("text-matching")), tmp_path, "native", "int8")
    found = find("native")(tmp_path, Placement("cpu", "int8")).run([encoding(*IDS)])[0].hidden
    assert 1e-5 < np.abs(found - Theirs(hub[1], "text-matching").states(IDS)[0]).mean() < 0.08


@pytest.mark.parametrize(("task", "said"), [("retrieval.query", "how are "), (None, "")])
def test_the_instruction_of_a_task_is_put_before_texts(hub, having, tmp_path, monkeypatch, task, said):
    folder, weights = hub
    monkeypatch.setenv(unpacking.CACHE, str(tmp_path))
    archive, _ = packer.pack(having(task), "a", "1.0", {}, tmp_path)
    ids = transformers.AutoTokenizer.from_pretrained(folder)(f"{said}you sat").input_ids
    vector = Theirs(weights, task).states(ids)[0].mean(0)
    with open_archive(archive, threads=1) as model:
        assert np.abs(model.embed(["you sat"]) - vector / np.linalg.norm(vector)).max() < 1e-5
    origin, notes = read(archive, "origin.json"), read(archive, "notes.json")
    assert origin["source"] == "jina-embeddings-v3" + (f" with the adapter {task}" if task else "")
    assert any(f"adapters for {', '.join(TASKS)} are left out" in each for each in notes) == (task is None)


def read(archive, name):
    with zipfile.ZipFile(archive) as packed:
        return json.loads(packed.read(f"checkpoint/{name}"))


def test_a_task_that_is_not_there_is_refused_with_those_that_are(hub):
    with pytest.raises(Failure, match=r"no adapter clustering: .* jina-embeddings-v3 has retrieval.query, retr"):
        adapters.apply(hub[0], "clustering")


def test_what_transformers_jina_does_not_do_is_refused():
    with pytest.raises(Failure, match=r"rotary_emb_interleaved of config.json is True; .* Jina v3 has False"):
        published.jina({"position_embedding_type": "rotary", "rotary_emb_interleaved": True})
