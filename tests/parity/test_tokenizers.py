"""An archive's tokenizer against AutoTokenizer, on folders whose files contradict each other."""

import json
from functools import partial

import pytest
import transformers
from tokenizers import Tokenizer
from transformers import AutoTokenizer

from benchmarks.gpu import vocabularies
from handler.config import HandlerConfig
from scripts.console import Failure
from scripts.packing import tokenizer, tokenizer_parity
from scripts.sources import checkpoint as checkpoints

SIZE, ROWS = 900, 920
CONFIG = HandlerConfig(task="embedding", max_length=64)
FAMILIES = ("Bert", "Roberta", "XLMRoberta", "DistilBert")
WORDPIECE = ("Bert", "DistilBert")
SENTENCES = [line for line in vocabularies.TEXT.splitlines() if line]
MADE = [
    *(sentence.upper() for sentence in SENTENCES),
    *(" ".join(sentence.split()[::-1]) for sentence in SENTENCES),
    *(f"  {sentence[:40]}\t{sentence[40:]}\n" for sentence in SENTENCES),
    *(f"the [{name}] ferry<{name}>river {name}[{name}]" for name in ("MASK", "mask", "new", "tag", "SEP", "s", "/s")),
    *(
        "x" * 101,
        "the" * 80,
        "a,b" * 90,
        "",
        " ",
        "fe\u0301e",
        "Überfahrt\u200bFluss",
        "渡船river两次",
        "doesn't",
        "🙂\u200d🙂",
    ),
]
TEXTS = [*SENTENCES, *MADE]


def change(file, **keys):
    before = json.loads(file.read_text()) if file.exists() else {}
    file.write_text(json.dumps(before | keys))


def settings(folder, **keys):
    change(folder / "tokenizer_config.json", **keys)


def pre_tokenizer(folder):
    change(folder / "tokenizer.json", pre_tokenizer={"type": "Whitespace"})


def model_key(folder, **keys):
    model = json.loads((folder / "tokenizer.json").read_text())["model"]
    change(folder / "tokenizer.json", model=model | keys)


def added(folder, special):
    token = {"content": "[new]", "lstrip": False, "rstrip": False, "single_word": False, "normalized": False}
    settings(folder, added_tokens_decoder={str(SIZE): token | {"special": special}})


def special_map(folder):
    names = "additional_special_tokens", "extra_special_tokens"
    content = json.loads((folder / "tokenizer_config.json").read_text())
    kept = {key: value for key, value in content.items() if key not in names}
    (folder / "tokenizer_config.json").write_text(json.dumps(kept))
    change(folder / "special_tokens_map.json", additional_special_tokens=["[tag]"])


EDITS = {
    "none": lambda folder: None,
    "add_prefix_space": partial(settings, add_prefix_space=True),
    "pre_tokenizer": pre_tokenizer,
    "added_tokens.json": lambda folder: change(folder / "added_tokens.json", **{"[new]": SIZE}),
    "special_tokens_map.json": special_map,
    "added_tokens_decoder": partial(added, special=False),
    "additional_special_tokens": partial(settings, additional_special_tokens=["[tag]", "<new>"]),
    "max_input_chars_per_word": partial(model_key, max_input_chars_per_word=5),
    "do_lower_case": partial(settings, do_lower_case=False),
    "strip_accents": partial(settings, strip_accents=False),
    "tokenize_chinese_chars": partial(settings, tokenize_chinese_chars=False),
}


@pytest.fixture
def make(tmp_path):
    """A folder whose tokenizer has a class of its own, as transformers saves it, and then one edit."""

    def folder(family, edit):
        made = tmp_path / f"{family}-{edit}"
        vocabularies.make(family, SIZE, 64).save_pretrained(made)
        settings(made, tokenizer_class=f"{family}Tokenizer")
        AutoTokenizer.from_pretrained(made).save_pretrained(made)
        getattr(transformers, f"{family}Config")(vocab_size=ROWS).save_pretrained(made)
        (made / "model.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")  # no tensors
        EDITS[edit](made)
        return made

    return folder


def pack(folder):
    target = folder.parent / f"{folder.name}-packed"
    target.mkdir()
    tokenizer.write(checkpoints.read(folder), target)
    return target / "tokenizer.json"


def ids_of(file, text):
    return Tokenizer.from_file(str(file)).encode(text).ids


def ids(file):
    read = Tokenizer.from_file(str(file))
    read.no_padding()
    read.no_truncation()
    return [read.encode(text).ids for text in TEXTS]


def matters(family, edit):
    """Whether an edit makes transformers' tokenizer another one than the folder's `tokenizer.json`."""
    if edit in ("max_input_chars_per_word", "do_lower_case", "strip_accents", "tokenize_chinese_chars"):
        return family in WORDPIECE
    return family == "Roberta" if edit == "add_prefix_space" else edit != "none"


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("family", FAMILIES)
def test_an_archives_ids_are_those_of_auto_tokenizer(make, family, edit):
    folder = make(family, edit)
    theirs = AutoTokenizer.from_pretrained(folder)
    wanted = [theirs(text, verbose=False)["input_ids"] for text in TEXTS]
    packed = pack(folder)
    assert len(TEXTS) >= 50
    assert ids(packed) == wanted
    assert (ids(folder / "tokenizer.json") != wanted) is matters(family, edit)
    assert packed.is_symlink() is not matters(family, edit)


@pytest.mark.parametrize("family", FAMILIES)
def test_padding_and_truncation_alone_leave_the_file_as_it_is(make, family):
    folder = make(family, "none")
    content = Tokenizer.from_file(str(folder / "tokenizer.json"))
    content.enable_padding()
    content.enable_truncation(7)
    content.save(str(folder / "tokenizer.json"))
    assert pack(folder).is_symlink()


def test_a_class_that_does_not_say_itself_is_that_of_the_model(make):
    folder = make("Bert", "do_lower_case")
    change(folder / "tokenizer.json", normalizer=None)
    (folder / "tokenizer_config.json").unlink()
    theirs = AutoTokenizer.from_pretrained(folder)
    assert ids(pack(folder)) == [theirs(text, verbose=False)["input_ids"] for text in TEXTS]


def test_the_tokenizer_is_loaded_once(make, monkeypatch):
    folder, calls, load = make("Bert", "strip_accents"), [], AutoTokenizer.from_pretrained
    monkeypatch.setattr(
        AutoTokenizer, "from_pretrained", lambda *args, **keys: calls.append(args) or load(*args, **keys)
    )
    pack(folder)
    assert len(calls) == 1


@pytest.mark.parametrize("family", FAMILIES)
def test_another_tokenizer_is_refused_with_its_ids(make, family):
    folder = make(family, "none")
    theirs = AutoTokenizer.from_pretrained(folder)
    other = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer_parity.check(other, theirs, folder)
    other.add_tokens(["wice a"])
    text = next(text for text in tokenizer_parity.TEXTS if "twice" in text)
    with pytest.raises(Failure, match="gives other ids") as caught:
        tokenizer_parity.check(other, theirs, folder)
    assert repr(text) in caught.value.what
    assert str(SIZE) in caught.value.why
    assert "AutoTokenizer's" in caught.value.why


def test_pairs_are_compared(make):
    folder = make("Bert", "none")
    content = json.loads((folder / "tokenizer.json").read_text())
    content["post_processor"]["pair"] = content["post_processor"]["pair"][:-1]
    other = Tokenizer.from_str(json.dumps(content))
    with pytest.raises(Failure, match="'What is the capital\\?' and 'Lisbon is\\.'"):
        tokenizer_parity.check(other, AutoTokenizer.from_pretrained(folder), folder)


def test_lower_case_of_sentence_transformers_is_kept(make):
    folder = make("Bert", "do_lower_case")
    modules = [{"type": f"sentence_transformers.models.{name}", "path": ""} for name in ("Transformer", "Pooling")]
    (folder / "modules.json").write_text(json.dumps(modules))
    change(folder / "sentence_bert_config.json", do_lower_case=True)
    change(folder / "config.json", pooling_mode="mean")
    cased = AutoTokenizer.from_pretrained(folder)
    packed = Tokenizer.from_file(str(pack(folder)))
    assert packed.encode("The FERRY").ids == cased("the ferry")["input_ids"] != cased("The FERRY")["input_ids"]
