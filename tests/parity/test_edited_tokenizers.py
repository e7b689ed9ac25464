"""The small part of `python -m tests.hostile.tokenizers`: some of its folders, with fewer texts."""

import inspect

import pytest
from tokenizers import decoders, normalizers, pre_tokenizers, processors
from transformers import AutoTokenizer

from handler.config import HandlerConfig
from handler.text import TextTokenizer
from scripts.packing import tokenizer
from scripts.sources import checkpoint as checkpoints
from tests.hostile.tokenizers import bases
from tests.hostile.tokenizers.__main__ import DIFFERENT, EQUAL, TRACEBACK, cases, run, table
from tests.hostile.tokenizers.compare import difference
from tests.hostile.tokenizers.components import components

FOLDERS, TEXTS = 42, 40
BASES = {
    normalizers: normalizers.Normalizer,
    pre_tokenizers: pre_tokenizers.PreTokenizer,
    decoders: decoders.Decoder,
    processors: processors.PostProcessor,
}


def test_tokenizers_of_edited_folders_are_equal_or_refused_with_a_reason(tmp_path):
    every = list(cases(40))
    found = run(every[7 :: len(every) // FOLDERS], tmp_path, TEXTS)
    assert len(found) >= FOLDERS - 2
    wrong = [(case.name, said, reason) for case, said, reason in found if said in (DIFFERENT, TRACEBACK)]
    assert not wrong
    assert sum(said == EQUAL for _, said, _ in found) > FOLDERS // 2
    assert all(reason for _, said, reason in found if said != EQUAL)
    assert f"| all {len(found)} |" in table(found)


def test_every_class_of_the_library_is_among_the_edits():
    named = {edit.name.split()[0] for edit in components()}
    classes = {
        name for module, base in BASES.items() for name, kind in vars(module).items()
        if inspect.isclass(kind) and issubclass(kind, base) and kind is not base
    }  # fmt: skip
    assert classes
    assert classes <= named


@pytest.mark.parametrize(("base", "other"), [("WordPiece", "WordLevel"), ("BPE", "BPE, Metaspace")])
def test_another_tokenizer_is_seen(tmp_path, base, other):
    for name in (base, other):
        bases.save(name, tmp_path / name)
    checkpoint = checkpoints.read(tmp_path / base)
    packed = tmp_path / "packed"
    packed.mkdir()
    tokenizer.write(checkpoint, packed)
    served = TextTokenizer.load(packed / tokenizer.FILE, HandlerConfig(task="embedding", max_length=64))
    assert difference(served, AutoTokenizer.from_pretrained(tmp_path / other), checkpoint, 20)
    assert not difference(served, AutoTokenizer.from_pretrained(tmp_path / base), checkpoint, 20)
