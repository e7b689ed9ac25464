"""What `embed` refuses because nothing would come of it."""

import pytest
from typer.testing import CliRunner

from scripts.cli import app
from scripts.console import Failure

SERVER = ("--server", "http://localhost:1")
RAY = ("--ray", "auto")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((*SERVER, "--device", "gpu", "--processes", "2"), "--processes, --device with --server"),
        ((*SERVER, *RAY), "--ray with --server"),
        ((*RAY, "--processes", "2"), "--processes with --ray"),
        (("--version", "1.0", "--key", "k"), "--version, --key without --server"),
        (("--in-flight", "4"), "--in-flight without --server"),
        (("--format", "openai-batch", "--task", "rerank"), "--task with --format openai-batch"),
        (("--format", "openai-batch", "--answer-column", "a"), "--answer-column with --format openai-batch"),
        (("--format", "openai-batch", "--column", "a"), "--column with --format openai-batch"),
    ],
)
def test_options_that_say_nothing_are_refused(tmp_path, words, said):
    found = CliRunner().invoke(app, ["embed", "a.txt", "--out", str(tmp_path / "out"), *words])
    assert isinstance(found.exception, Failure)
    assert found.exception.what == f"{said}: nothing would come of it"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--option", "inputs=abc"), "--option inputs=abc: inputs comes from a column"),
        (("--column", "text", "--column", "pooling=kind", "--option", "pooling=cls"), "pooling comes from a column"),
        (("--column", "text", "--column", "id"), "--column gives inputs two columns, text and id"),
        (("--option", "dimensions=2", "--option", "dimensions=3"), "--option gives dimensions two values"),
    ],
)
def test_a_key_has_one_value(tmp_path, words, said):
    command = ["embed", "a.txt", "--out", str(tmp_path / "out"), *SERVER, *words]
    found = CliRunner().invoke(app, command)
    assert said in found.exception.what


def test_a_key_in_the_environment_is_for_other_commands(tmp_path):
    words = ["embed", "a.txt", "--out", str(tmp_path / "out"), "--model-store", str(tmp_path), *RAY]
    found = CliRunner().invoke(app, words, env={"BERT_API_KEY": "k"})
    assert "bert.mar does not exist" in found.exception.what
