"""What `pack` says of lengths, of an epsilon that is no number, and of a full disk."""

import json
import shutil

import pytest

from scripts.console import Failure
from scripts.packing import pack as packer
from scripts.sources import checkpoint as checkpoints


def test_texts_of_fewer_tokens_than_a_text_has_name_their_files(tiny, tmp_path):
    folder = shutil.copytree(tiny, tmp_path / "short")
    file = folder / "tokenizer_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"model_max_length": 1}))
    with pytest.raises(
        Failure, match=r"tokenizer_config\.json makes sequences of 1 tokens at most; 4 is the least"
    ) as caught:
        packer.pack(folder, "a", "1.0", {}, tmp_path)
    assert "set model_max_length to 4 or more in" in caught.value.fix
    assert packer.configure(checkpoints.read(folder), {"handler": {"max_length": 8}}).handler.max_length == 8


def test_an_epsilon_that_is_no_number(tiny, tmp_path):
    folder = shutil.copytree(tiny, tmp_path / "endless")
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"layer_norm_eps": float("inf")}))
    with pytest.raises(Failure, match=r"layer_norm_eps of config.json is inf; expected: a finite number"):
        packer.pack(folder, "a", "1.0", {}, tmp_path)


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device"),
        shutil.Error([("a", "b", "[Errno 28] No space left on device: 'b'")] * 99),
        Failure("torch-model-archiver failed", why="Traceback ... No space left on device"),
    ],
)
def test_a_full_disk_is_said_in_one_sentence(tiny, tmp_path, monkeypatch, error):
    def full(*_):
        raise error

    monkeypatch.setattr(packer, "run_archiver", full)
    with pytest.raises(Failure, match=r"^No space left on device: \S+ has \S+ MB free; \S+ has \S+ MB free$") as caught:
        packer.pack(tiny, "a", "1.0", {}, tmp_path / "store")
    assert "TMPDIR" in caught.value.fix
    assert not list((tmp_path / "store").iterdir())
