"""`embed` as an operator calls it: killed and called again, here and on a server, and OpenAI's batch files."""

import json
import signal
import subprocess

import numpy as np
import pytest

from scripts.paths import ROOT
from tests.e2e.conftest import wait_for

ROWS = 400


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """Rows of a CSV, of which one is empty."""
    file = tmp_path_factory.mktemp("in") / "rows.csv"
    lines = [f'{n},"hello {"how are you " * (n % 17)}, cat {n}"' for n in range(ROWS)]
    file.write_text("\n".join(["id,body", *lines[:200], '"x",""', *lines[200:]]) + "\n")
    return file


@pytest.fixture(scope="module")
def command(server, texts, tmp_path_factory):
    """Arguments, and an environment with a cache of its own."""
    cache = str(tmp_path_factory.mktemp("cache"))

    def run(folder, *words, **environment):
        arguments = ("embed", str(texts), "--column", "body", "--out", str(folder), "--block-rows", "20", *words)
        return server(*arguments, "--json", BERT_CACHE=cache, **environment)

    run.cache = cache
    return run


@pytest.fixture(scope="module")
def whole(command, tmp_path_factory):
    """What an uninterrupted run makes."""
    folder = tmp_path_factory.mktemp("whole") / "out"
    summary = json.loads(command(folder).stdout)
    assert summary == {"rows": ROWS + 1, "bad": 1, "parts": 21, "computed": ROWS + 1}
    return folder


def content(folder, pattern="*"):
    return {file.name: file.read_bytes() for file in sorted(folder.glob(pattern))}


def test_killed_and_called_again_it_makes_the_same_bytes(server, command, texts, whole, tmp_path):
    folder = tmp_path / "out"
    words = ["embed", texts, "--column", "body", "--out", folder, "--block-rows", "20", "--json"]
    for number, kill in ((2, signal.SIGKILL), (6, signal.SIGINT)):
        with subprocess.Popen(
            [ROOT / "scripts" / "bert", *words],
            cwd=ROOT,
            env=server.environment(BERT_CACHE=command.cache),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as running:
            wait_for(lambda number=number: len(list(folder.glob("part-*.npy"))) >= number, "parts")
            running.send_signal(kill)
            running.communicate()
        assert running.returncode == (-9 if kill == signal.SIGKILL else 130)
    computed = json.loads(command(folder).stdout)["computed"]
    assert 0 < computed < ROWS
    assert content(folder) == content(whole)


def test_a_server_computes_the_same_vectors(server, command, whole, tmp_path):
    command(tmp_path / "served", "--server", server.url)
    assert content(tmp_path / "served", "part-*") == content(whole, "part-*")
    bad = json.loads((tmp_path / "served" / "bad-00010.jsonl").read_text())
    assert (bad["row"], "text 1 of 1 is empty" in bad["reason"]) == (201, True)
    assert content(tmp_path / "served", "bad-*").keys() == content(whole, "bad-*").keys()


def test_a_server_answers_rows_with_their_own_keys(server, command, tmp_path):
    rows = tmp_path / "rows.jsonl"
    lines = [{"text": f"hello {n}", "kind": ("mean", "cls", "max")[n % 3]} for n in range(12)]
    rows.write_text("".join(json.dumps(line) + "\n" for line in lines))
    words = ("embed", str(rows), "--column", "text", "--column", "pooling=kind", "--block-rows", "6")
    for folder, place in (("here", ()), ("served", ("--server", server.url))):
        server(*words, "--out", str(tmp_path / folder), *place, BERT_CACHE=command.cache)
    parts = content(tmp_path / "here", "part-*")
    assert len(parts) == 4
    assert content(tmp_path / "served", "part-*") == parts


def test_what_it_refuses(server, command, whole, tmp_path):
    said = server("embed", str(tmp_path), "--out", str(tmp_path / "1"), expect=1).stderr
    assert "names no file" in said
    rows = tmp_path / "a.txt"
    rows.write_text("hello\n")
    for words, expected in (
        (("--model", "nothing"), "nothing.mar does not exist"),
        (("--option", "poling=cls"), "did you mean 'pooling'?"),
        (("--server", "http://127.0.0.1:1", "--ray", "auto"), "--ray with --server"),
        (("--task", "text-classification"), "text-classification"),
    ):
        said = server("embed", str(rows), "--out", str(tmp_path / "2"), *words, expect=1, BERT_CACHE=command.cache)
        assert expected in said.stderr
        assert "Traceback" not in said.stderr


@pytest.mark.parametrize("at_server", [False, True])
def test_batch_files_of_openai(server, command, tmp_path, at_server):
    file = tmp_path / "requests.jsonl"
    inputs = ["hello", "", ["a cat", "a mat"]]
    lines = [
        {"custom_id": f"r{n}", "method": "POST", "url": "/v1/embeddings", "body": {"model": "bert", "input": each}}
        for n, each in enumerate(inputs)
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    where = ("--server", server.url) if at_server else ()
    words = ("embed", str(file), "--format", "openai-batch", "--out", str(tmp_path / "out"), *where)
    server(*words, BERT_CACHE=command.cache)
    answered = [json.loads(line) for line in (tmp_path / "out/part-00000.jsonl").read_text().splitlines()]
    assert [(line["custom_id"], len(line["response"]["body"]["data"])) for line in answered] == [("r0", 1), ("r2", 2)]
    assert np.shape(answered[1]["response"]["body"]["data"][1]["embedding"]) == (384,)
    (failed,) = [json.loads(line) for line in (tmp_path / "out/bad-00000.jsonl").read_text().splitlines()]
    assert (failed["custom_id"], failed["response"]["status_code"]) == ("r1", 400)
    assert "is empty" in failed["response"]["body"]["error"]["message"]
