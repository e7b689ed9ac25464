"""An archive's tokenizer against AutoTokenizer, on folders whose files contradict each other."""

import json
from functools import partial

import pytest
import transformers
from tokenizers import Tokenizer
from transformers import AutoTokenizer

from benchmarks.gpu import vocabularies
from handler.config import HandlerConfig
from handler.text import TextTokenizer, convert
from handler.truncation import truncate
from scripts.console import Failure
from scripts.packing import tokenizer, tokenizer_parity
from scripts.sources import checkpoint as checkpoints
from tests.hostile.tokenizers.edits import vocabulary

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
        (made / "model.safetensors").touch()
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


def test_what_a_file_cannot_say_is_kept_beside_it(make):
    folder = make("Bert", "none")
    settings(folder, split_special_tokens=True, mask_token="the")  # the first is transformers' own, said at each call
    theirs = AutoTokenizer.from_pretrained(folder)
    file = pack(folder)
    served = TextTokenizer.load(file, CONFIG)
    text = "[CLS] a [SEP] the [MASK]"
    assert served.backend.encode(text).ids == theirs(text)["input_ids"] != ids_of(file, text)
    assert served.mask == theirs.mask_token_id != theirs.convert_tokens_to_ids("[MASK]")


def test_an_archive_without_settings_has_the_usual_tokens(make):
    file = pack(make("Roberta", "none"))
    (file.parent / "tokenizer_settings.json").unlink()
    served = TextTokenizer.load(file, CONFIG)
    assert [served.name(id) for id in (served.unknown, served.padding, served.mask)] == ["<unk>", "<pad>", "<mask>"]


def test_decoded_texts_are_cleaned_up_where_the_folder_says_so(make):
    folder = make("XLMRoberta", "none")
    settings(folder, clean_up_tokenization_spaces=True)
    theirs = AutoTokenizer.from_pretrained(folder)
    ids = theirs("the ferry , it ' s does n't . you 've ?")["input_ids"]
    served = TextTokenizer.load(pack(folder), CONFIG)
    assert served.decode(ids, True) == theirs.decode(ids, skip_special_tokens=True)
    assert served.decode(ids, True) != served.backend.decode(ids)


def test_ids_may_leave_holes(make):
    folder = make("Bert", "none")
    change(folder / "added_tokens.json", **{"[new]": SIZE + 9})
    theirs = AutoTokenizer.from_pretrained(folder)
    served = TextTokenizer.load(pack(folder), CONFIG)
    found = theirs.convert_tokens_to_ids("[new]")
    assert served.vocabulary == found + 1


@pytest.mark.parametrize("family", FAMILIES)
def test_a_blank_text_has_the_ids_of_auto_tokenizer(make, family):
    folder, blank = make(family, "none"), ["", " ", "\n\t ", "\u3000"]
    served = TextTokenizer.load(pack(folder), CONFIG)
    found = [encoding.ids for encoding in served.backend.encode_batch_fast(blank)]
    assert found == AutoTokenizer.from_pretrained(folder)(blank)["input_ids"]
    assert (len(found[1]) > len(found[0])) is (family == "Roberta")  # its spaces are bytes, and so tokens


def test_words_and_merges_are_a_tokenizer(make):
    folder = make("Roberta", "none")
    vocabulary(folder)
    assert not (folder / "tokenizer.json").exists()
    theirs = AutoTokenizer.from_pretrained(folder)
    assert ids(pack(folder)) == [theirs(text, verbose=False)["input_ids"] for text in TEXTS]


def test_pieces_alone_are_refused_with_what_makes_a_file_of_them(make):
    folder = make("XLMRoberta", "none")
    (folder / "tokenizer.json").rename(folder / "sentencepiece.bpe.model")
    with pytest.raises(Failure, match=r"sentencepiece.bpe.model and no tokenizer.json") as caught:
        pack(folder)
    assert "sentencepiece installed" in caught.value.fix


def test_merges_left_out_at_random_are_refused(make):
    folder = make("Roberta", "none")
    settings(folder, tokenizer_class="PreTrainedTokenizerFast")
    model_key(folder, dropout=0.5)
    with pytest.raises(Failure, match=r"dropout of 0\.5"):
        pack(folder)


def test_a_vocabulary_without_unknown_is_refused(make):
    folder = make("Bert", "none")
    settings(folder, unk_token="nonesuch", tokenizer_class="PreTrainedTokenizerFast")
    model_key(folder, unk_token="nonesuch")
    with pytest.raises(Failure, match="no plain text: WordPiece error: Missing"):
        pack(folder)


@pytest.mark.parametrize("side", ["Left", "Right"])
def test_the_end_that_is_cut_may_be_said_in_tokenizer_json(make, side):
    folder = make("Bert", "none")
    content = json.loads((folder / "tokenizer_config.json").read_text())
    content.pop("truncation_side", None)
    (folder / "tokenizer_config.json").write_text(json.dumps(content))
    cut = {"direction": side, "max_length": 5, "strategy": "LongestFirst", "stride": 0}
    change(folder / "tokenizer.json", truncation=cut)
    assert checkpoints.read(folder).truncation == AutoTokenizer.from_pretrained(folder).truncation_side == side.lower()


def test_a_pair_without_anything_between_is_cut_as_two_texts(make):
    folder = make("Bert", "none")
    settings(folder, tokenizer_class="PreTrainedTokenizerFast")
    template = {"single": [{"Sequence": {"id": "A", "type_id": 0}}], "special_tokens": {}, "type": "TemplateProcessing"}
    second = {"Sequence": {"id": "B", "type_id": 0}}
    change(folder / "tokenizer.json", post_processor=template | {"pair": [*template["single"], second]})
    theirs = AutoTokenizer.from_pretrained(folder)
    served = TextTokenizer.load(pack(folder), CONFIG)
    pair = "the river " * 4, "a ferry in the rain"
    (short,) = truncate(convert(served.backend.encode(*pair)), "right", 6)
    assert short.ids == theirs(*pair, truncation=True, max_length=6)["input_ids"]
    assert len(short.text_ranges) == 2


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
