import pytest
from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing

from handler import limits
from handler.config import HandlerConfig
from handler.errors import Invalid, TooLarge
from handler.text import TextTokenizer, convert
from handler.truncation import truncate

CLS, SEP = 2, 3


@pytest.fixture(scope="module")
def encoder(tiny):
    return TextTokenizer.load(
        tiny / "tokenizer.json", HandlerConfig(task="embedding", max_length=8, max_texts=3, max_characters=20)
    )


def whole(encoder, text):
    return convert(encoder.backend.encode(text), with_offsets=True)


def test_special_tokens_are_found_in_the_tokenizer(encoder):
    assert (encoder.prefix, encoder.suffix) == ([CLS], [SEP])


@pytest.mark.parametrize(
    ("policy", "kept"),
    [("right", ["abcdef"]), ("left", ["efghij"]), ("windows", ["abcdef", "ghij"])],
)
def test_policies_keep_special_tokens_at_both_ends(encoder, policy, kept):
    letter = encoder.backend.token_to_id
    windows = truncate(whole(encoder, "a b c d e f g h i j"), policy, 8)
    assert [window.ids for window in windows] == [[CLS, *map(letter, part), SEP] for part in kept]
    assert all(window.special == [1, *[0] * len(part), 1] for window, part in zip(windows, kept, strict=True))


def test_offsets_follow_the_cut(encoder):
    (window,) = truncate(whole(encoder, "a b c d e f g h i j"), "left", 8)
    assert window.offsets[1] == (8, 9)


def test_windows_cover_every_token_once(encoder):
    text = whole(encoder, " ".join("abcdefghijklmnopqrstuvwxyz"))
    windows = truncate(text, "windows", 8)
    assert [token for window in windows for token in window.ids[1:-1]] == text.ids[1:-1]
    assert all(len(window) <= 8 for window in windows)


def test_a_text_of_exactly_the_limit_is_whole(encoder):
    text = whole(encoder, "a b c d e f")
    assert len(text) == 8
    assert truncate(text, "error", 8) == [text]


def test_error_policy_names_both_numbers(encoder):
    with pytest.raises(TooLarge, match="9 tokens is longer than the model's 8"):
        truncate(whole(encoder, "a b c d e f g"), "error", 8)


def test_a_pair_keeps_its_types(encoder):
    pair = convert(encoder.backend.encode("a b", "c"))
    assert pair.type_ids == [0, 0, 0, 0, 1, 1]


def test_ids_get_special_tokens_unless_they_have_them(encoder):
    assert encoder.add_special_tokens([7, 8]).ids == [CLS, 7, 8, SEP]
    assert encoder.add_special_tokens([CLS, 7, 8, SEP]).ids == [CLS, 7, 8, SEP]
    assert encoder.add_special_tokens([CLS]).ids == [CLS, CLS, SEP]


@pytest.mark.parametrize(
    ("texts", "error", "words"),
    [
        ([], Invalid, "no text"),
        (["a", " \n"], Invalid, "text 2 of 2 is empty"),
        (["a"] * 4, TooLarge, "4 texts in one request, the limit is 3"),
        (["a" * 11, "a" * 10], TooLarge, "21 characters in one request, the limit is 20"),
        ([("a", "")], Invalid, "text 1 of 1 is empty"),
        ([[]], Invalid, "token ids 1 of 1 are empty"),
        ([[5, 10_000]], Invalid, "token id 10000 in 1 of 1 is outside the vocabulary of"),
        ([[-1]], Invalid, "token id -1"),
        ([[5] * 21], TooLarge, "21 characters"),
    ],
)
def test_what_is_not_admitted(encoder, texts, error, words):
    with pytest.raises(error, match=words):
        limits.check(texts, encoder.config, encoder.vocabulary)


def test_the_tokenizer_files_own_padding_and_truncation_are_off(minilm):
    config = HandlerConfig(task="embedding", max_length=256)
    encoder = TextTokenizer.load(minilm / "tokenizer.json", config)  # this file pads to 128 and cuts at 128
    assert len(encoder.backend.encode("a").ids) == 3
    assert len(encoder.backend.encode("a " * 300).ids) == 302


@pytest.mark.parametrize("limit", range(5, 16))
@pytest.mark.parametrize(
    ("left", "right"), [("a b c", "d e f g h i j k"), ("a b c d e f g", "h"), ("a b c d", "e f g h")]
)
@pytest.mark.parametrize("template", ["[CLS] $A [SEP] $B:1 [SEP]:1", "[CLS] $B [SEP] $A:1 [SEP]:1"])
def test_pairs_are_cut_as_tokenizers_cuts_them(tiny, limit, left, right, template):
    tokenizer = Tokenizer.from_file(str(tiny / "tokenizer.json"))
    ends = [(name, tokenizer.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = TemplateProcessing(pair=template, special_tokens=ends)
    whole = convert(tokenizer.encode(left, right))
    (cut,) = truncate(whole, "right", limit)
    tokenizer.enable_truncation(limit, strategy="longest_first")
    assert cut.ids == tokenizer.encode(left, right).ids


def test_windows_of_a_pair_hold_its_first_text_and_overlap(encoder):
    pair = convert(encoder.backend.encode("a b", "c d e f g h i"))
    windows = truncate(pair, "windows", 9, overlap=2)
    texts = [
        "".join(encoder.name(id) for id, special in zip(w.ids, w.special, strict=True) if not special) for w in windows
    ]
    assert texts == ["abcdef", "abefgh", "abghi"]
    assert [window.token_offset for window in windows] == [0, 2, 4]
    with pytest.raises(TooLarge, match="2 tokens of the text that stays whole leave room for 2 of the other"):
        truncate(pair, "windows", 7, overlap=2)


def test_only_the_first_text_of_a_pair_is_cut(encoder):
    pair = convert(encoder.backend.encode("a b c d e f", "g h"))

    def texts(policy, limit):
        cut = truncate(pair, policy, limit, pairs="only_first")
        names = [
            "".join(encoder.name(id) for id, special in zip(w.ids, w.special, strict=True) if not special) for w in cut
        ]
        assert all(len(window) <= limit for window in cut)
        return names

    assert texts("right", 8) == ["abcgh"]
    assert texts("left", 8) == ["defgh"]
    assert texts("windows", 9) == ["abcdgh", "efgh"]
    with pytest.raises(TooLarge, match="2 tokens of the text that stays whole leave room for 0 of the other"):
        texts("right", 5)
