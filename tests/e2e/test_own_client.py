"""This project's own client against real servers: its methods, a restart, keys, and the package as it is installed."""

import asyncio
import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import requests

from bert_client import AsyncBertClient, BertClient, Invalid, Unauthorized, UnknownModel
from handler import open_archive
from handler.protocols.base import dump
from scripts.paths import ROOT
from scripts.server import keys
from tests.e2e.test_clients import QUESTION, TEXTS, near

KEY = "a-key-of-enough-characters"


@pytest.fixture(scope="module")
def vectors(many):
    """Of `TEXTS`, by the native protocol."""
    return np.asarray(requests.post(f"{many.url}/predictions/bert", json={"inputs": TEXTS}, timeout=60).json())


@pytest.mark.parametrize("version", [None, "1.0"])
def test_this_projects_own_client(many, vectors, tmp_path, version):
    with BertClient(many.url, version=version) as client:
        assert near(client.embed(TEXTS), vectors)
        assert client.embed(TEXTS[0], dimensions=8).shape == (1, 8)
        assert [states.shape[1] for states in client.hidden_states(TEXTS)] == [384] * 3
        assert near(client.similarity(TEXTS[0], TEXTS), vectors @ vectors[0])
        rows = client.embed_many(TEXTS * 100, tmp_path / "vectors.npy", progress=False)
        assert near(rows, np.tile(vectors, (100, 1)))
        assert client.ask("info", {})["model"] == "bert"
        with pytest.raises(Invalid, match="text 1 of 1 is empty"):
            client.embed("")
    with BertClient(many.url, "answers") as client:
        (answer,) = client.ask("question-answering", QUESTION)
        assert answer["answer"] == TEXTS[0][answer["start"] : answer["end"]]
    with BertClient(many.url, "nothing") as client, pytest.raises(UnknownModel, match="nothing"):
        client.embed("a")


def test_a_server_has_the_digits_of_its_archive_opened_in_a_process(many, folders, tmp_path, monkeypatch):
    monkeypatch.setenv("BERT_CACHE", str(tmp_path))
    with open_archive(many.store / "bert.mar") as opened, BertClient(many.url) as client:
        assert opened.embed(TEXTS * 100).tobytes() == client.embed(TEXTS * 100).tobytes()
        for here, there in zip(opened.hidden_states(TEXTS), client.hidden_states(TEXTS), strict=True):
            assert here.tobytes() == there.tobytes()
    asked = {"classes": {"inputs": TEXTS[0]}, "entities": {"inputs": TEXTS[0]}, "answers": QUESTION}
    for name, fields in asked.items():
        with open_archive(many.store / f"{name}.mar") as opened, BertClient(many.url, name) as client:
            task = opened.pipeline.config.task
            assert json.loads(dump(opened.ask(task, fields))) == client.ask(task, fields)


def test_this_projects_own_async_client(many, vectors, tmp_path):
    async def ask():
        async with AsyncBertClient(many.url) as client:
            one, states, cosines, words, similar, info = await asyncio.gather(
                client.embed(TEXTS[0], dimensions=8),
                client.hidden_states(TEXTS),
                client.similarity(TEXTS[0], TEXTS),
                client.word_vectors(["king", "queen"]),
                client.most_similar(["king", "woman"], ["man"], 1),
                client.ask("info", {}),
            )
            assert (one.shape, [each.shape[1] for each in states], words.shape) == ((1, 8), [384] * 3, (2, 384))
            assert near(cosines, vectors @ vectors[0])
            assert (similar[0][0], info["model"]) == ("queen", "bert")
            blocks = [block async for block in client.stream(TEXTS * 100, batch=len(TEXTS))]
            assert len(blocks) == 100
            assert all(near(block, vectors) for block in blocks)
            rows = await client.embed_many(TEXTS * 100, tmp_path / "vectors.npy")
            assert near(rows, np.tile(vectors, (100, 1)))
            singles = await asyncio.gather(*(client.embed(text) for text in TEXTS * 100))  # more than connections
            assert near(np.concatenate(singles), np.tile(vectors, (100, 1)))
            with pytest.raises(Invalid, match="text 1 of 1 is empty"):
                await client.embed("")
        async with AsyncBertClient(many.url, "nothing") as client:
            with pytest.raises(UnknownModel, match="nothing"):
                await client.embed("a")

    asyncio.run(ask())


@pytest.fixture
def installed(tmp_path):
    """A fresh environment's Python with the client's wheel, and what is in the wheel."""
    source = tmp_path / "client"
    shutil.copytree(ROOT / "client", source, ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", tmp_path, source]
    subprocess.run(pip, check=True)
    (wheel,) = tmp_path.glob("bert_client-*.whl")
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", f"{wheel}[async]"], check=True)
    return python


def test_the_wheel_alone_asks_a_server(many, installed, tmp_path):
    script = f"""
import asyncio, bert_client
async def ask():
    async with bert_client.AsyncBertClient({many.url!r}) as client:
        return await client.embed("a")
with bert_client.BertClient({many.url!r}) as client:
    assert client.embed("a").tolist() == asyncio.run(ask()).tolist()
print(bert_client.__file__)
"""
    command = [installed, "-I", "-W", "error", "-c", script]
    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert found.returncode == 0, found.stderr
    assert found.stdout.startswith(str(tmp_path / "venv"))
    assert (tmp_path / "venv").joinpath(found.stdout.strip()).with_name("py.typed").exists()


def test_a_restart_loses_no_text(cli, tmp_path):
    texts = [f"line {number}" for number in range(4000)]
    cli("start", "tiny", "--workers", "1")
    found, failures = {}, []

    def sync():
        with BertClient(cli.url, "tiny") as client:
            found["sync"] = np.concatenate(list(client.stream(slowly(texts), batch=8)))

    def asynchronous():
        async def ask():
            async with AsyncBertClient(cli.url, "tiny") as client:
                return await client.embed_many(slowly(texts), tmp_path / "vectors.npy", batch=8, progress=seen.append)

        found["async"] = asyncio.run(ask())

    def guarded(run):
        try:
            run()
        except BaseException as error:
            failures.append(error)

    seen = []
    threads = [threading.Thread(target=guarded, args=(run,)) for run in (sync, asynchronous)]
    for thread in threads:
        thread.start()
    cli("stop", "--drain", "0")
    before = len(seen)
    cli("start", "tiny", "--workers", "1")
    for thread in threads:
        thread.join()
    assert failures == []
    assert 0 < before < len(texts) / 8
    assert found["sync"].shape == found["async"].shape
    assert np.abs(found["sync"] - found["async"]).max() < 1e-5


def slowly(texts):
    """Enough time for a server to be stopped in between."""
    from time import sleep

    for text in texts:
        sleep(0.001)
        yield text


def test_keys(cli, tmp_path):
    file = tmp_path / "keys"
    file.write_text(f"ada:{KEY}\n")
    file.chmod(0o600)
    cli("start", "tiny", "--keys", str(file))
    with BertClient(cli.url, "tiny", api_key=KEY) as client, BertClient(cli.url, "tiny") as keyless:
        assert len(client.embed("hello")) == 1
        with pytest.raises(Unauthorized, match="401"):
            keyless.embed("hello")


def test_a_key_that_the_server_made(cli):
    cli("start", "tiny", "--auth")
    key = keys.first(Path(cli.status()[0]["keys"]))
    with BertClient(cli.url, "tiny", api_key=key) as client, BertClient(cli.url, "tiny", api_key=KEY) as other:
        assert len(client.embed("hello")) == 1
        with pytest.raises(Unauthorized, match="401"):
            other.embed("hello")
