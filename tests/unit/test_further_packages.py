"""Folders for which a further package is needed, peft or sentencepiece: the advice is tried where it is installed."""

import json
import re
import shlex
import shutil
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from scripts.adapters import apply as adapters
from scripts.console import Failure
from scripts.packing import pack as packer
from scripts.sources import checkpoint as checkpoints
from tests import folders, heads
from tests.advice import packable, refused


@pytest.fixture
def folder(tiny, tmp_path):
    """A copy that a test may change."""
    return shutil.copytree(tiny, tmp_path / "mine")


def adapter(folder, head, **settings):
    (folder / "model.safetensors").unlink()
    settings = {"base_model_name_or_path": "some/base", "peft_type": "LORA", "task_type": head, **settings}
    (folder / "adapter_config.json").write_text(json.dumps(settings))


@pytest.mark.parametrize("configured", [True, False])
def test_an_adapter_names_its_base(folder, configured):
    adapter(folder, "SEQ_CLS")
    if not configured:
        (folder / "config.json").unlink()
    found = refused(folder)
    assert f"has no {'weights for transformers' if configured else 'config.json'}: it is a LORA adapter" in found.what
    assert "of some/base" in found.what
    assert found.fix == f'scripts/bert pack "$(scripts/bert pull some/base)" --adapter {folder}'


def advised(folder):
    """What is packed by the command that `pack` names for an adapter."""
    said = re.fullmatch(r'scripts/bert pack "\$\(scripts/bert pull (.+)\)" --adapter (.+)', refused(folder).fix)
    base, adapter = (shlex.split(each)[0] for each in said.groups())
    return adapters.apply(Path(base), adapter)


@pytest.mark.skipif(not find_spec("peft"), reason="peft is no dependency of this project")
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
@pytest.mark.parametrize("start", ["olora", "pissa"])
def test_the_advice_on_adapters_that_are_not_merged_here(tiny, tmp_path, start):
    import peft
    import transformers

    config = peft.LoraConfig(task_type="FEATURE_EXTRACTION", target_modules=["query"], init_lora_weights=start)
    peft.get_peft_model(transformers.AutoModel.from_pretrained(tiny), config).save_pretrained(tmp_path / "lo ra")
    with pytest.raises(Failure, match=f"init_lora_weights {start} changes the base") as caught:
        adapters.apply(tiny, str(tmp_path / "lo ra"))
    merged = packable(caught.value.fix.partition(" && ")[2])
    assert checkpoints.read(merged).task == "hidden-states"


@pytest.mark.skipif(not find_spec("peft"), reason="peft is no dependency of this project")
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
@pytest.mark.parametrize(("task", "head"), [("FEATURE_EXTRACTION", None), ("SEQ_CLS", "ForSequenceClassification")])
def test_the_advice_on_adapters(tiny, minilm, tmp_path, task, head):
    import peft
    import transformers

    base = tiny
    if head:
        tokenizer = transformers.AutoTokenizer.from_pretrained(tiny)
        base = heads.save(tmp_path / "base", "Bert", head, tokenizer, **heads.labels(["a", "b", "c"]))
    config = peft.LoraConfig(task_type=task, target_modules=["query", "value"], init_lora_weights=False)
    model = getattr(transformers, f"AutoModel{head or ''}").from_pretrained(base)
    peft.get_peft_model(model, config).save_pretrained(tmp_path / "lo ra")
    merged = advised(tmp_path / "lo ra")
    assert checkpoints.read(merged).task == ("text-classification" if head else "hidden-states")
    before, after = (transformers.AutoModel.from_pretrained(each).state_dict() for each in (base, merged))
    changed = {name for name in before if (before[name] != after[name]).any()}
    assert changed == {name for name in before if name.endswith(("query.weight", "value.weight"))}


@pytest.mark.skipif(not find_spec("peft"), reason="peft is no dependency of this project")
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
def test_the_advice_on_adapters_of_sentence_transformers(tiny, tmp_path):
    import peft
    from sentence_transformers import SentenceTransformer

    whole = folders.sentences(tiny, tmp_path / "s", "cls")
    theirs = SentenceTransformer(str(whole), device="cpu")
    config = peft.LoraConfig(task_type="FEATURE_EXTRACTION", target_modules=["query"], init_lora_weights=False)
    theirs.add_adapter(config)
    theirs.save_pretrained(str(tmp_path / "lora"))
    merged = advised(tmp_path / "lora")
    assert checkpoints.read(merged).pooling == "cls"
    difference = theirs.encode("hello") - SentenceTransformer(str(merged), device="cpu").encode("hello")
    assert abs(difference).max() < 1e-5


@pytest.mark.skipif(not find_spec("sentencepiece"), reason="sentencepiece is no dependency of this project")
def test_sentencepiece_alone_is_packed_where_it_is_installed(tmp_path):
    from sentencepiece import SentencePieceTrainer
    from tokenizers import Tokenizer
    from transformers import AutoTokenizer, XLMRobertaConfig, XLMRobertaModel

    folder, words = tmp_path / "x", tmp_path / "words.txt"
    words.write_text("\n".join(["hello how are you", "a cat sat on the mat", "dogs run fast in rain"] * 99))
    folder.mkdir()
    SentencePieceTrainer.train(
        input=str(words), model_prefix=str(folder / "m"), vocab_size=60, hard_vocab_limit=False, minloglevel=2
    )
    (folder / "m.model").rename(folder / "sentencepiece.bpe.model")
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    XLMRobertaModel(XLMRobertaConfig(vocab_size=99, max_position_embeddings=40, **sizes)).save_pretrained(folder)
    archive, _ = packer.pack(folder, "a", "1.0", {}, tmp_path / "store")
    with zipfile.ZipFile(archive) as packed:
        made = Tokenizer.from_str(packed.read("checkpoint/tokenizer.json").decode())
    theirs = AutoTokenizer.from_pretrained(folder)
    assert made.encode("hello the cat").ids == theirs("hello the cat").input_ids
    assert len(theirs("hello the cat").input_ids) > 4
