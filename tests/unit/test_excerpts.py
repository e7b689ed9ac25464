"""Which part of a long text is tokenized, and when all of it is."""

import pytest
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers

from handler.config import HandlerConfig
from handler.excerpts import NEAR, Excerpts
from handler.text import TextTokenizer
from handler.truncation import Cut
from tests.unit.test_pipeline import row

LIMIT = 12
LONG = "hello how are you " * 55_000
"""990,000 characters."""
RIGHT, LEFT = Cut("right", LIMIT), Cut("left", LIMIT)


@pytest.fixture
def tokenizer(tiny):
    return Tokenizer.from_file(str(tiny / "tokenizer.json"))


def cut(tokenizer, text=LONG, how=RIGHT, with_offsets=False):
    return Excerpts(tokenizer).of(text, how, with_offsets, NEAR)


def test_a_part_is_an_end_of_its_text_of_some_characters_per_token_and_begins_or_ends_between_words(tokenizer):
    first, last = cut(tokenizer), cut(tokenizer, how=LEFT)
    assert LONG.startswith(first)
    assert LONG.endswith(last)
    for part in (first, last):
        assert NEAR * LIMIT <= len(part) <= 2 * NEAR * LIMIT
    assert first[-1].isalpha()
    assert last[0] == " "


@pytest.mark.parametrize(
    ("text", "how", "with_offsets"),
    [
        ("hello " * 30, RIGHT, False),
        ("a" * 100_000, RIGHT, False),
        ("hello, " * 10_000, RIGHT, False),
        (LONG, Cut("error", LIMIT), False),
        (LONG, Cut("windows", LIMIT), False),
        (LONG, LEFT, True),
        ((LONG, LONG), RIGHT, False),
        (("hello", LONG), Cut("right", LIMIT, pairs="only_first"), False),
    ],
    ids=["short", "one word", "no letter beside a space", "error", "windows", "offsets", "two long", "only_first"],
)
def test_all_is_tokenized_where_more_may_matter(tokenizer, text, how, with_offsets):
    assert cut(tokenizer, text, how, with_offsets) is text


def test_of_a_pair_the_long_text_is_parted(tokenizer):
    first, second = cut(tokenizer, ("hello", LONG))
    assert first == "hello"
    assert len(second) < 300
    assert cut(tokenizer, (LONG, "hello"), Cut("right", LIMIT, pairs="only_first"))[1] == "hello"


def test_ideographs_are_words(tokenizer):
    assert len(cut(tokenizer, "你好" * 10_000)) == NEAR * LIMIT
    tokenizer.add_tokens(["好你"])
    text = "你好" * 10_000
    assert cut(tokenizer, text) is text


WORDS = pre_tokenizers.WhitespaceSplit()
UNKNOWN = {
    "no pre-tokenizer": (None, None, ()),
    "a pre-tokenizer that keeps spaces": (None, pre_tokenizers.Metaspace(split=False), ()),
    "a pattern": (None, pre_tokenizers.Sequence([WORDS, pre_tokenizers.Split(Regex("a|b"), "isolated")]), ()),
    "a normalizer's pattern": (normalizers.Replace(Regex("a b"), "c"), WORDS, ()),
    "an added token with a space": (None, WORDS, ("hello how",)),
    "bytes before words": (None, pre_tokenizers.Sequence([pre_tokenizers.ByteLevel(use_regex=False), WORDS]), ()),
    "another letter for a space": (normalizers.Replace(" ", "x"), WORDS, ()),
    "spaces that are counted": (normalizers.BertNormalizer(), pre_tokenizers.ByteLevel(), ()),
}


@pytest.mark.parametrize("why", UNKNOWN)
def test_other_tokenizers_get_all_of_a_text(why):
    normalizer, pre_tokenizer, added = UNKNOWN[why]
    made = Tokenizer(models.WordLevel({"a": 0}, "a"))
    if normalizer is not None:
        made.normalizer = normalizer
    if pre_tokenizer is not None:
        made.pre_tokenizer = pre_tokenizer
    made.add_tokens(list(added))
    assert cut(made) is LONG


@pytest.mark.parametrize(
    ("normalizer", "pre_tokenizer", "added"),
    [
        (normalizers.Strip(), pre_tokenizers.ByteLevel(add_prefix_space=False), []),
        (normalizers.Prepend("x"), WORDS, []),
        (None, WORDS, [AddedToken("hello", rstrip=True)]),
    ],
    ids=["Strip", "Prepend", "rstrip"],
)
def test_an_end_is_no_part_where_a_text_begins_otherwise_than_it_goes_on(normalizer, pre_tokenizer, added):
    alphabet = {letter: number for number, letter in enumerate(["[UNK]", "Ġ", *"abcdefghijklmnopqrstuvwxyz"])}
    made = Tokenizer(models.BPE(alphabet, [], unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizer
    if normalizer is not None:
        made.normalizer = normalizer
    made.add_tokens(added)
    assert cut(made, how=LEFT) is LONG
    assert cut(made, how=RIGHT) is not LONG


class Counted:
    """A tokenizer's backend that counts the characters it gets."""

    def __init__(self, backend):
        self.backend, self.characters = backend, []

    def encode_batch_fast(self, texts):
        self.characters += map(len, texts)
        return self.backend.encode_batch_fast(texts)

    def __getattr__(self, name):
        return getattr(self.backend, name)


@pytest.mark.parametrize("policy", ["right", "left"])
def test_a_book_costs_what_its_first_page_does(make_pipeline, policy):
    pipeline = make_pipeline()
    counted = pipeline.tokenizer.backend = Counted(pipeline.tokenizer.backend)
    (reply,) = pipeline.answer([row({"inputs": ["hello " + LONG + "mat", "b"], "truncation": policy})])
    assert (reply.status, reply.headers["x-tokens"], reply.headers["x-truncated"]) == (200, str(LIMIT + 3), "1")
    assert sum(counted.characters) < 300


def test_a_part_with_too_few_tokens_is_followed_by_a_larger_one_and_that_by_all(tiny):
    encoder = TextTokenizer.load(tiny / "tokenizer.json", HandlerConfig(task="embedding", max_length=LIMIT))
    counted = encoder.backend = Counted(encoder.backend)
    first = encoder.excerpts.of
    for blank, tries in ((60, 2), (250, 3)):
        text = "\u200b" * 100 + ("a b" + "\u200b" * blank) * 20 + "hello how are you " * 300
        counted.characters = []
        part = first(text, RIGHT, False, NEAR)
        (found,) = counted.encode_batch_fast([part])
        ours = encoder.enough(text, part, encoder.convert(found, False), RIGHT, False)
        (whole,) = encoder.backend.backend.encode_batch_fast([text])
        assert ours.ids[: LIMIT - 1] == whole.ids[: LIMIT - 1]
        assert len(counted.characters) == tries
