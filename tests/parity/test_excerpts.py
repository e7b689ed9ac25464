"""A sample of `tests/hostile/excerpts.py`: what stays of a part of a text is what stays of all of it."""

from tests.hostile import excerpts
from tests.hostile.tokenizers import bases


def test_what_stays_is_the_same_for_each_kind_of_tokenizer(minilm, tmp_path):
    found = excerpts.run(excerpts.served(tmp_path, minilm, edits=1), 240, "sample")
    assert not [name for name, counts in found.items() if counts["DIFFERENT"]]
    assert all(found[name]["in part"] > 0 for name in ("MiniLM", *bases.BASES))
