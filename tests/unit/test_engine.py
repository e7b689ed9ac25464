"""An archive in one's own process: the digits of the server's pipeline, and what is refused."""

import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from handler import loading, open_archive, unpacking
from handler.errors import BertError, ConfigError, Empty, Invalid, Undecodable, UnknownTask
from handler.types import Row
from scripts.packing import pack as packer
from scripts.paths import ROOT

TEXTS = ["a cat sat on a mat", "hello , how are you ?", "b", "on a mat sat a cat . " * 3]


@pytest.fixture(scope="module")
def archive(tiny, tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    return packer.pack(tiny, "tiny", "3.1", {"handler": {"max_texts": 3}}, store)[0]


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.getbasetemp() / "archives"
    monkeypatch.setenv(unpacking.CACHE, str(folder))
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false")
    return folder


@pytest.fixture
def opened(archive):
    with open_archive(archive, threads=1) as model:
        yield model


def rewritten(archive, file, change):
    """The archive with other entries: `change` gets a name and its bytes, and gives bytes, or None for no entry."""
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(file, "w") as new:
        for name in old.namelist():
            content = change(name, old.read(name))
            if content is not None:
                new.writestr(name, content)
    return file


def test_digits_are_those_of_the_servers_pipeline(opened, archive, tmp_path):
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(tmp_path)
    settings = {"handler": {"task": "embedding", "max_length": 40, "normalize": False}}
    served = loading.load(tmp_path, "tiny", "3.1", settings, None, lambda *_: None)
    body = bytearray(json.dumps({"inputs": TEXTS}).encode())
    (reply,) = served.answer([Row({"body": body}, {"accept": "application/octet-stream"}, "application/json")])
    expected = np.frombuffer(reply.body, np.float32).reshape(len(TEXTS), -1)
    assert opened.embed(TEXTS).tobytes() == expected.tobytes()
    assert (opened.name, opened.version) == ("tiny", "3.1")


def test_any_number_of_texts_and_a_place_for_the_bad_one(opened):
    assert opened.embed(iter(TEXTS * 5)).tobytes() == np.tile(opened.embed(TEXTS[:1] + TEXTS[1:]), (5, 1)).tobytes()
    with pytest.raises(Empty, match=r"^texts 4 to 5: text 1 of 2 is empty$"):
        opened.embed([*TEXTS[:3], "", "a"])
    with pytest.raises(Empty, match=r"^there is no text"):
        opened.embed([])


def test_every_task_is_a_method(opened):
    assert opened.similarity(source="a", sentences=["a"]) == pytest.approx([1])
    assert [token["text"] for token in opened.tokenize("a cat")[0]] == ["[CLS]", "a", "cat", "[SEP]"]
    assert opened.info()["model"] == "tiny"
    assert {"embedding", "word_vectors", "hidden_states"} <= set(dir(opened))
    with pytest.raises(AttributeError, match="'fill_mask', and the archive no task"):
        opened.fill_mask("a [MASK]")
    with pytest.raises(UnknownTask, match="no head for fill-mask"):
        opened.ask("fill-mask", {"inputs": "a [MASK]"})
    with pytest.raises(Invalid, match=r"did you mean .normalize"):
        opened.embed("a", normalise=True)


def test_errors_stay_with_their_request(opened):
    good, empty, wide = opened.answers(
        "embedding", [{"inputs": "a"}, {"inputs": " "}, {"inputs": "a", "dimensions": 33}]
    )
    assert np.array_equal(good, opened.embed("a"))
    assert isinstance(empty, Empty)
    assert isinstance(wide, BertError)


def test_what_no_request_over_a_wire_can_be(opened):
    good, half, number = opened.answers("embedding", [{"inputs": "a"}, {"inputs": ["a", "b\ud800"]}, 3])
    assert good.shape == (1, 32)
    assert (type(half), str(half)) == (Undecodable, "a text has half of a surrogate pair at character 2")
    assert (type(number), str(number)) == (Invalid, "a request is a int; it has to be a dictionary of its keys")


def test_threads_take_turns(opened):
    expected = [opened.embed(text).tobytes() for text in TEXTS]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda text: opened.embed(text).tobytes(), TEXTS * 20))
    assert found == expected * 20


FORKED = """
import os, signal, sys, threading
import numpy as np
from handler import open_archive

texts = ["a cat sat on a mat " * (1 + n % 5) for n in range(60)]
model = open_archive(sys.argv[1], threads=2)
expected = model.embed(texts)
started, ended = threading.Event(), threading.Event()

def compute():
    while not ended.is_set():
        model.embed(texts)
        started.set()

thread = threading.Thread(target=compute)
thread.start()
started.wait()
for again in (lambda: model, lambda: open_archive(sys.argv[1])):
    child = os.fork()
    if not child:
        signal.alarm(20)  # ends a child that hangs
        os._exit(not np.array_equal(again().embed(texts), expected))
    print(os.waitpid(child, 0)[1])
ended.set()
thread.join()
"""


def test_a_forked_process_computes(archive):
    """While another thread of its parent computes, and with pools of threads that are the parent's."""
    environment = {name: value for name, value in os.environ.items() if name != "TOKENIZERS_PARALLELISM"}
    command = [sys.executable, "-c", FORKED, archive]
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (result.stdout, result.returncode) == ("0\n0\n", 0), result.stderr


def test_closed_is_closed(archive):
    with open_archive(archive) as model:
        pass
    with pytest.raises(ValueError, match="was closed"):
        model.embed("a")
    with pytest.raises(AttributeError, match="was closed"):
        _ = model.tokenize


def test_a_device_that_is_none(archive):
    for device in ("tpu", None, 0, "cuda:x"):
        with pytest.raises(ConfigError, match=f"{device!r} is no device; the devices are auto, cpu and cuda:N"):
            open_archive(archive, device=device)
    with pytest.raises(ConfigError, match="deviceType is gpu"):
        open_archive(archive, device="cuda:99")


@pytest.mark.parametrize("threads", ["2", -1, 1.5, None, True])
def test_a_number_of_threads_that_is_none(archive, threads):
    with pytest.raises(ConfigError, match=f"threads is {threads!r}; it has to be a whole number"):
        open_archive(archive, threads=threads)


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("MAR-INF/MANIFEST.json", b"{", "JSONDecodeError"),
        ("MAR-INF/MANIFEST.json", b"[]", "TypeError"),
        ("MAR-INF/MANIFEST.json", b'{"model": {"modelName": "tiny"}}', "KeyError: 'modelVersion'"),
        ("model-config.yaml", None, r"FileNotFoundError: .*model-config\.yaml"),
        ("model-config.yaml", b"handler: [", "ParserError"),
        ("model-config.yaml", b"", "it is empty"),
        ("model-config.yaml", b"handler: 3", "Expected `object`, got `int` - at `\\$.handler`"),
        ("model-config.yaml", b"batchSize: 4", "missing required field `handler`"),
        ("model-config.yaml", b"handler: {task: embedding, max_length: 40, threads: two}", "handler.threads"),
        ("checkpoint/tokenizer.json", b"{}", "Exception: "),
        ("checkpoint/packed.safetensors", b"cut off", "SafetensorError|ValueError|OSError"),
        ("checkpoint/packed.safetensors", None, "FileNotFoundError"),
    ],
)
def test_an_archive_that_was_edited_says_what_is_wrong(archive, tmp_path, file, content, said):
    edited = rewritten(archive, tmp_path / "edited.mar", lambda name, old: content if name == file else old)
    with pytest.raises(ConfigError, match=said):
        open_archive(edited)


def test_vectors_in_process_are_arrays(opened):
    with pytest.raises(Invalid, match="base64, and embed returns an array"):
        opened.embed("a", encoding_format="base64")
    assert opened.embedding("a", encoding_format="base64") == [
        b64encode(opened.embed("a").astype("<f4").tobytes()).decode()
    ]
    assert opened.embed(["a", "b"], encoding_format="int8").dtype == np.int8


def test_what_cannot_be_opened_says_why(archive, tmp_path):
    with pytest.raises(ConfigError, match="there is no "):
        open_archive(tmp_path / "none.mar")
    with pytest.raises(ConfigError, match="is a folder, no archive"):
        open_archive(tmp_path)
    broken = tmp_path / "broken.mar"
    broken.write_bytes(archive.read_bytes()[:-1000])
    with pytest.raises(ConfigError, match=r"broken\.mar is no archive, or damaged"):
        open_archive(broken)
    flipped = bytearray(archive.read_bytes())
    flipped[len(flipped) // 2] ^= 1
    broken.write_bytes(flipped)
    shutil.rmtree(unpacking.cache(), ignore_errors=True)
    with pytest.raises(ConfigError, match=r"damaged: .* pack it again"):
        open_archive(broken)
    assert [file.suffix for file in unpacking.cache().iterdir()] == [".lock"]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda name, content: content + b"#" if name == "handler/text.py" else content, r"handler/text\.py and 0"),
        (lambda name, content: None if name == "handler/unpacking.py" else content, "no code to be opened with"),
        (lambda name, content: None if name.startswith("MAR-INF") else content, "no archive of a model"),
    ],
)
def test_code_of_another_version_is_refused(archive, tmp_path, change, what):
    with pytest.raises(ConfigError, match=what):
        open_archive(rewritten(archive, tmp_path / "other.mar", change))


def test_the_archives_own_code_opens_it(archive, tmp_path):
    """In the archive's own package, changed, with neither TorchServe nor the command line."""
    other = rewritten(
        archive, tmp_path / "other.mar", lambda name, content: content + b"#" if name == "handler/text.py" else content
    )
    program = (
        "import sys; from handler import open_archive; print(open_archive(sys.argv[1]).embed('a').shape);"
        "assert not {'ts', 'scripts', 'transformers'} & set(sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": str(other)}
    command = [sys.executable, "-P", "-c", program, other]
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (result.stdout, result.returncode) == ("(1, 32)\n", 0), result.stderr


def test_what_tidied_up_or_was_killed_is_unpacked_again(archive, cache):
    folder, _ = unpacking.unpack(archive)
    (folder / "checkpoint" / "tokenizer.json").unlink()
    (folder / "checkpoint" / "packed.safetensors").write_bytes(b"cut off")
    folder.with_suffix(".part").mkdir()
    (folder.with_suffix(".part") / "left").touch()
    with open_archive(archive) as model:
        assert model.embed("a").shape == (1, 32)
    assert {file.suffix for file in cache.iterdir() if folder.name in file.name} == {"", ".lock"}


def test_processes_that_unpack_at_once_share_one_folder(archive, cache):
    shutil.rmtree(cache, ignore_errors=True)
    command = [sys.executable, "-c", f"from handler.unpacking import *; print(unpack(Path({str(archive)!r}))[0])"]
    running = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    folders = {process.communicate()[0] for process in running}
    assert folders == {f"{cache / unpacking.unpack(archive)[1]}\n"}
    assert len([*cache.iterdir()]) == 2


def test_what_nobody_has_opened_for_long_is_removed_when_another_archive_is_unpacked(archive, cache):
    kept, old, held = unpacking.unpack(archive)[0], cache / ("a" * 64), cache / ("b" * 64)
    for folder in (old, held):
        (folder / "checkpoint").mkdir(parents=True)
        folder.with_suffix(".lock").touch()
    long_ago = time.time() - unpacking.KEPT_SECONDS - 60
    with open_archive(archive) as model:
        for folder in (kept, old, held):
            os.utime(folder, (long_ago, long_ago))
        user = unpacking.hold(held)
        unpacking.tidy(cache)
        assert {file.name for file in cache.iterdir()} >= {kept.name, held.name, f"{held.name}.lock"}
        assert not old.exists()
        assert not old.with_suffix(".lock").exists()
        assert model.embed("a").shape == (1, 32)
    os.close(user)
    unpacking.tidy(cache)
    assert not held.exists()
    assert not kept.exists()


def test_an_unpacked_archive_is_opened_where_nobody_may_write(archive, monkeypatch):
    folder, _ = unpacking.unpack(archive)

    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(unpacking.os, "utime", refuse)
    assert unpacking.unpack(archive)[0] == folder
