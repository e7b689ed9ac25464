"""`bert finetune` on small models: what is served is what was measured, and a kill changes nothing."""

import json
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from time import monotonic, sleep
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file

from scripts.console import Failure
from scripts.files import provenance
from scripts.finetuning import finetune as tuner
from scripts.finetuning.entities import read as read_entities
from scripts.finetuning.examples import Entity
from scripts.finetuning.metrics import of_entities, of_labels
from scripts.finetuning.split import split
from scripts.finetuning.state import STATE, TrainingState
from scripts.finetuning.texts import read as read_texts
from scripts.finetuning.training import Training, TrainingArguments
from scripts.paths import ROOT
from scripts.sources.checkpoint import TOKENIZER_FILES, read
from tests.asking import ask

TICKETS, ENTITIES = ROOT / "tests" / "data" / "tickets.csv", ROOT / "tests" / "data" / "entities.jsonl"
SHORT = tuner.Settings("text-classification", epochs=2, batch_size=32)
COMMAND = ("--epochs", "10", "--patience", "10", "--batch-size", "32", "--json")


@pytest.fixture(scope="module")
def base(make):
    """Encoders of small models, under heads that are not ours."""
    return lambda family: make(family, "ForSequenceClassification")


def test_texts_are_served_as_they_were_measured(base, family, load, runtime, tmp_path):
    report = tuner.finetune(TICKETS, str(base(family)), tmp_path / "out", SHORT)
    held = split(read_texts(TICKETS, None, None), SHORT.held_out, SHORT.seed).validation
    answers = ask(load(tmp_path / "out", runtime), {"inputs": [example.text for example in held]})
    got = of_labels([e.label for e in held], [row[0]["label"] for row in answers], list(report["metrics"]["labels"]))
    assert got == report["metrics"]
    assert json.loads((tmp_path / "out" / tuner.FILE).read_text()) == report
    assert not (tmp_path / ".out-training").exists()


def test_entities_are_served_as_they_were_measured(base, family, load, tmp_path):
    settings = tuner.Settings("token-classification", epochs=12, patience=12, batch_size=8, learning_rate=5e-3)
    report = tuner.finetune(ENTITIES, str(base(family)), tmp_path / "out", settings)
    held = split(read_entities(ENTITIES, None, None), settings.held_out, settings.seed).validation
    body = {"inputs": [example.text for example in held], "aggregation_strategy": "simple"}
    answers = ask(load(tmp_path / "out", "eager"), body)
    found = [[Entity(item["start"], item["end"], item["entity_group"]) for item in row] for row in answers]
    got = of_entities([example.entities for example in held], found, list(report["metrics"]["labels"]))
    assert got == {key: report["metrics"][key] for key in got}
    assert report["metrics"]["f1"] > 0.2


def test_a_folder_of_sentence_transformers_becomes_a_classifier(minilm, tmp_path):
    few = tmp_path / "few.csv"
    few.write_text("text,label\n" + "".join(f"{word} {n},{word}\n" for word in ("cat", "car") for n in range(4)))
    tuner.finetune(few, str(minilm), tmp_path / "out", tuner.Settings("text-classification", frozen=True, epochs=1))
    checkpoint = read(tmp_path / "out")
    assert (checkpoint.architecture, checkpoint.task) == ("BertForSequenceClassification", "text-classification")
    assert checkpoint.max_length == read(minilm).max_length
    assert not (tmp_path / "out" / "modules.json").exists()
    before, after = load_file(minilm / "model.safetensors"), load_file(tmp_path / "out" / "model.safetensors")
    kept = {name: after[f"bert.{name}"] for name in before if f"bert.{name}" in after}
    changed = {name for name, weight in kept.items() if not torch.equal(before[name], weight)}
    assert changed == {"pooler.dense.weight", "pooler.dense.bias"}


def test_a_cross_encoder_becomes_a_classifier_with_a_new_head(make, tmp_path):
    base = make("Bert", "ForSequenceClassification", num_labels=1, sentence_transformers={"version": "5.0.0"})
    assert read(base).task == "rerank"
    tuner.finetune(TICKETS, str(base), tmp_path / "out", replace(SHORT, epochs=1))
    assert read(tmp_path / "out").task == "text-classification"


@pytest.mark.parametrize("name", TOKENIZER_FILES)
def test_an_unfinished_training_is_of_one_tokenizer(tiny, tmp_path, name):
    folder = tmp_path / "base"
    shutil.copytree(tiny, folder)
    (folder / name).unlink(missing_ok=True)
    (folder / "tokenizer.json").write_text("[]")
    before = provenance.digests(folder, tuner.result_determining_files(read(folder)))
    (folder / name).write_text("{}")
    after = provenance.digests(folder, tuner.result_determining_files(read(folder)))
    assert name in after
    assert before.get(name) != after[name]


def test_a_seed_says_everything(base, tmp_path):
    reports = [
        tuner.finetune(TICKETS, str(base("Bert")), tmp_path / str(n), replace(SHORT, seed=seed))
        for n, seed in enumerate((0, 0, 1))
    ]
    assert reports[0] == reports[1]
    assert reports[0]["epochs"] != reports[2]["epochs"]
    assert_equal_weights(tmp_path / "0", tmp_path / "1")


def assert_equal_weights(one, other):
    first, second = (load_file(folder / "model.safetensors") for folder in (one, other))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def command(base, target, *more):
    words = ["finetune", "--data", str(TICKETS), "--base", str(base), "--out", str(target), *COMMAND, *more]
    return [sys.executable, "-m", "scripts", *words]


def finetune(*words):
    return subprocess.run(command(*words), cwd=ROOT, capture_output=True, text=True)


def test_a_killed_training_goes_on(base, tmp_path):
    state = tmp_path / ".killed-training" / STATE
    process = subprocess.Popen(
        command(base("Bert"), tmp_path / "killed"), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = monotonic() + 120
        while not state.exists():
            assert process.poll() is None
            assert monotonic() < deadline
            sleep(0.005)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not (tmp_path / "killed").exists()
    (state.parent / f"{STATE}.part").write_bytes(b"half of a st")
    other = finetune(base("Bert"), tmp_path / "killed", "--seed", "1")
    assert other.returncode == 1
    assert "seed was 0, is 1" in other.stderr
    assert "--fresh" in other.stderr
    again, whole = (finetune(base("Bert"), tmp_path / name) for name in ("killed", "whole"))
    assert again.returncode == whole.returncode == 0, again.stderr + whole.stderr
    assert "resuming after epoch " in again.stderr
    assert "resuming" not in whole.stderr
    reports = [json.loads(result.stdout) for result in (again, whole)]
    assert {**reports[0], "folder": ""} == {**reports[1], "folder": ""}
    assert_equal_weights(tmp_path / "killed", tmp_path / "whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["killed", "whole"]


@pytest.mark.parametrize(
    ("losses", "metric", "stalled"),
    [([], [], 0), ([3, 2, 1], [0.1, 0, 0], 0), ([1, 2, 3], [0, 0.1, 0.1], 1), ([1, 2, 3, 4], [0.5, 0.4, 0.5, 0.1], 3)],
)
def test_patience_looks_at_metric_and_loss(losses, metric, stalled):
    model = torch.nn.Linear(1, 1)
    model.config = SimpleNamespace(pad_token_id=0)
    training = Training(model, TrainingArguments(9, 1, 1e-3, 1, 0, "f1"), [], [])
    training.history = [{"held_out_loss": one, "f1": other} for one, other in zip(losses, metric, strict=True)]
    assert training.epochs_without_improvement() == stalled


def test_a_state_is_the_newest_whole_one(tmp_path):
    state = TrainingState(tmp_path)
    state.save({"best": 1, "history": [1]}, {"w": torch.ones(1)})
    (tmp_path / "best-2.pt").write_bytes(b"written, and then killed")
    (tmp_path / f"{STATE}.part").write_bytes(b"half")
    assert state.load()["history"] == [1]
    assert state.best(1)["w"].item() == 1
    state.save({"best": 3, "history": [1, 2, 3]}, {"w": torch.zeros(1)})
    assert [file.name for file in tmp_path.glob("best-*")] == ["best-3.pt"]
    (tmp_path / STATE).write_bytes(b"damaged")
    with pytest.raises(Failure, match="is damaged") as caught:
        state.load()
    assert "--fresh" in caught.value.fix


def test_pairs_are_cut_and_served_as_pairs(base, family, load, tmp_path):
    lines = [
        {"text": f"cat {n} " + "w " * 40, "text_pair": f"{word} " * 40, "label": word}
        for n in range(4)
        for word in "ab"
    ]
    few = tmp_path / "few.jsonl"
    few.write_text("\n".join(map(json.dumps, lines)))
    report = tuner.finetune(few, str(base(family)), tmp_path / "out", replace(SHORT, epochs=1))
    assert report["data"]["cut"] == 8
    held = split(read_texts(few, None, None), SHORT.held_out, SHORT.seed).validation
    answers = ask(load(tmp_path / "out", "eager"), {"inputs": [[example.text, example.pair] for example in held]})
    got = of_labels([e.label for e in held], [row[0]["label"] for row in answers], ["a", "b"])
    assert got == report["metrics"]


def test_what_is_there_stays(base, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    with pytest.raises(Failure, match="out is not empty"):
        tuner.finetune(TICKETS, str(base("Bert")), tmp_path / "out", SHORT)
    with pytest.raises(Failure, match="--max-length 500 is beyond the checkpoint's 64"):
        tuner.finetune(TICKETS, str(base("Bert")), tmp_path / "other", replace(SHORT, max_length=500))
    with pytest.raises(Failure, match="the loss of epoch 1 is NaN or infinite"):
        tuner.finetune(TICKETS, str(base("Bert")), tmp_path / "other", replace(SHORT, learning_rate=1e30))
    assert not (tmp_path / "other").exists()


def test_long_lines_are_counted_and_clashing_labels_named(base, tmp_path, capfd):
    few = tmp_path / "few.csv"
    few.write_text("text,label\na cat,x\na cat,y\na dog,x\na cow,y\n" + "word " * 100 + ",x\n")
    report = tuner.finetune(few, str(base("Bert")), tmp_path / "out", replace(SHORT, epochs=1))
    assert report["data"]["cut"] == 1
    said = capfd.readouterr().err
    assert "1 lines are longer than 64 tokens and were cut" in said
    assert "lines 2 and 3 are the same text with other labels" in said
