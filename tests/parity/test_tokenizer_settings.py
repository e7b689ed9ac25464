"""What a tokenizer knows beside `tokenizer.json`, what is refused of one, and folders without that file."""

import json

import pytest
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from handler.config import HandlerConfig
from handler.text import TextTokenizer, convert
from handler.truncation import truncate
from scripts.console import Failure
from scripts.sources import checkpoint as checkpoints
from tests import heads
from tests.asking import ask, check
from tests.hostile import laid_out
from tests.hostile.tokenizers.edits import vocabulary
from tests.parity import test_tokenizers
from tests.parity.test_tokenizers import FAMILIES, SIZE, TEXTS, change, ids, ids_of, model_key, pack, settings

CONFIG = HandlerConfig(task="embedding", max_length=64)
make = test_tokenizers.make


def test_what_a_file_cannot_say_is_kept_beside_it(make):
    folder = make("Bert", "none")
    settings(folder, split_special_tokens=True, mask_token="the")  # the first is transformers' own, said at each call
    theirs = AutoTokenizer.from_pretrained(folder)
    file = pack(folder)
    served = TextTokenizer.load(file, CONFIG)
    text = "[CLS] a [SEP] the [MASK]"
    assert served.backend.encode(text).ids == theirs(text)["input_ids"] != ids_of(file, text)
    assert served.mask == theirs.mask_token_id != theirs.convert_tokens_to_ids("[MASK]")


def test_a_token_that_is_named_and_not_there_is_no_other(make):
    folder = make("Bert", "none")
    settings(folder, mask_token="")
    assert TextTokenizer.load(pack(folder), CONFIG).mask is None


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
    with pytest.raises(Failure, match=r"has no tokenizer: it has .*sentencepiece.bpe.model") as caught:
        pack(folder)
    assert "sentencepiece" in caught.value.fix


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


def test_a_tokenizer_without_types_gives_both_texts_of_a_pair_the_same(tmp_path, tokenizer):
    folder = heads.save(tmp_path / "model", "Bert", "ForSequenceClassification", tokenizer, num_labels=3)
    theirs = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    scores = {}
    for names in (["input_ids", "attention_mask"], ["input_ids", "token_type_ids", "attention_mask"]):
        settings(folder, model_input_names=names)
        pipeline = laid_out.load(folder, tmp_path / f"archive {len(names)}")
        (got,) = ask(pipeline, {"inputs": [["a cat", "sat"]], "function_to_apply": "none"})
        read = AutoTokenizer.from_pretrained(folder)("a cat", "sat", return_tensors="pt")
        want = theirs(**read).logits[0].tolist()
        scores[len(names)] = want
        check({item["label"]: item["score"] for item in got}, {f"LABEL_{n}": score for n, score in enumerate(want)})
    assert scores[2] != pytest.approx(scores[3], abs=1e-3)
