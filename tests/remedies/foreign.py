"""Folders that other programs wrote: pickles, clones, adapters, and weights for other frameworks."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

from scripts.conversion import convert as converter
from tests import folders
from tests.hostile.configurations import answers
from tests.remedies.project import Project, quoted

DATA = Path(__file__).parents[1] / "data" / "tensorflow" / "classifier"
STATES = "states.json"


def keep(states: object, folder: Path) -> None:
    """What is to come out of a folder."""
    folder.with_name(STATES).write_text(json.dumps(states))


def scale(file: Path) -> None:
    """Other weights."""
    from safetensors.torch import load_file, save_file

    save_file({name: 2 * each for name, each in load_file(file).items()}, file, {"format": "pt"})


def training_state(whole: Path, folder: Path, project: Project) -> None:
    """Weights among other things, as a training loop saves them."""
    import torch

    file = folders.pickled(whole, folder) / "pytorch_model.bin"
    torch.save({"epoch": 3, "state_dict": torch.load(file), "optimizer": {"state": {}}}, file)


def pickled_model(whole: Path, folder: Path, project: Project) -> None:
    """`torch.save(model)`."""
    import torch
    from transformers import AutoModel

    folders.pickled(whole, folder)
    torch.save(AutoModel.from_pretrained(whole), folder / "pytorch_model.bin")


def large_files(whole: Path, folder: Path, project: Project) -> None:
    """A clone that left out what Git LFS keeps."""
    bare, work = folder.with_name("bare.git"), folder.with_name("work")
    shutil.copytree(whole, work)
    git = "git -c user.name=a -c user.email=a@b.c"
    steps = f"""set -e
    git init -q --bare {quoted(bare)}; cd {quoted(work)}; git init -q; git lfs install --local
    git lfs track '*.safetensors'; git add -A; {git} commit -qm model
    git remote add origin {quoted(Path(f"file://{bare}"))}; git push -q origin HEAD:main
    git -C {quoted(bare)} symbolic-ref HEAD refs/heads/main
    GIT_LFS_SKIP_SMUDGE=1 git clone -q {quoted(Path(f"file://{bare}"))} {quoted(folder)}"""
    subprocess.run(steps.replace("file:/", "file:///"), shell=True, check=True, capture_output=True)


def tensorflow_1(whole: Path, folder: Path, project: Project) -> None:
    """As some repositories have it, with transformers' configuration beside it and Google's own missing.

    That the conversion is right is tested against Google's code in `tests/parity/test_conversion.py`.
    """
    converter.convert(converter.Source(DATA), folder.with_name("converted"))
    keep(answers.reference(folder.with_name("converted"), "hidden-states"), folder)
    shutil.copytree(DATA, folder)
    settings = json.loads((folder / "bert_config.json").read_text())
    (folder / "config.json").write_text(json.dumps(settings | {"model_type": "bert"}))
    (folder / "bert_config.json").unlink()


PEFT = """
import json, sys
import peft, torch, transformers
whole, folder, states = sys.argv[1:4]
torch.manual_seed(0)
model = transformers.AutoModel.from_pretrained(whole)
config = peft.LoraConfig(task_type="FEATURE_EXTRACTION", target_modules=["query", "value"], init_lora_weights=False)
model = peft.get_peft_model(model, config).eval()
model.save_pretrained(folder)
tokenizer = transformers.AutoTokenizer.from_pretrained(whole)
texts = [tokenizer(text, return_tensors="pt") for text in json.loads(sys.argv[4])]
with torch.inference_mode():
    made = [model(**read).last_hidden_state[0].tolist() for read in texts]
open(states, "w").write(json.dumps([made]))
"""


def script(project: Project, text: str, *words: str, environment: str = "") -> None:
    """Python in the project's environment."""
    file = project.root / "make.py"
    file.write_text(text)
    project.done(f"{environment} .venv/bin/python make.py {' '.join(quoted(Path(word)) for word in words)}")


def adapter(whole: Path, folder: Path, project: Project) -> None:
    """Trained by peft, whose own forward pass, before anything is merged, gives the states."""
    project.done(".venv/bin/python -m pip install peft")
    script(project, PEFT, str(whole), str(folder), str(folder.with_name(STATES)), json.dumps(answers.TEXTS))
    project.done(".venv/bin/python -m pip uninstall -y peft")


SENTENCEPIECE = """
import json, sys
from sentencepiece import SentencePieceTrainer
from transformers import XLMRobertaConfig, XLMRobertaModel, XLMRobertaTokenizer
folder, states = sys.argv[1:3]
words = ["hello how are you", "a cat sat on the mat", "dogs run fast in rain"] * 99
SentencePieceTrainer.train(
    sentence_iterator=iter(words), model_prefix=folder + "/m", vocab_size=60, hard_vocab_limit=False, minloglevel=2
)
sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
XLMRobertaModel(XLMRobertaConfig(vocab_size=99, max_position_embeddings=40, **sizes)).save_pretrained(folder)
"""


def sentencepiece(whole: Path, folder: Path, project: Project) -> None:
    """XLM-RoBERTa's tokenizer as its authors publish it; transformers with sentencepiece gives the states."""
    project.done(".venv/bin/python -m pip install sentencepiece")
    folder.mkdir()
    script(project, SENTENCEPIECE, str(folder), str(folder.with_name(STATES)))
    (folder / "m.model").rename(folder / "sentencepiece.bpe.model")
    (folder / "m.vocab").unlink()
    script(project, WITH_STATES, str(folder), str(folder.with_name(STATES)), json.dumps(answers.TEXTS))
    project.done(".venv/bin/python -m pip uninstall -y sentencepiece")


WITH_STATES = """
import json, sys
import torch
from transformers import AutoModel, AutoTokenizer
folder, states, texts = sys.argv[1:4]
tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
with torch.inference_mode():
    made = [model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].tolist() for text in json.loads(texts)]
open(states, "w").write(json.dumps([made]))
"""
OLDER = """
import sys, transformers
name, whole, folder = sys.argv[1:4]
getattr(transformers, name).from_pretrained(whole, from_pt=True).save_pretrained(folder)
"""


def older(whole: Path, folder: Path, project: Project, name: str, needs: str) -> None:
    """Weights as the last transformers wrote them that had this framework."""
    packages = project.root / ".cache" / f"made-{name}"
    project.done(f".venv/bin/python -m pip install --target {quoted(packages)} 'transformers<5' {needs}")
    script(project, OLDER, name, str(whole), str(folder), environment=f"PYTHONPATH={quoted(packages)}")
    folders.with_tokenizer(whole, folder)
    shutil.rmtree(packages)
