"""Long texts of every script, cut before they are tokenized and after: `python -m tests.hostile.excerpts`.

Each kind of tokenizer, also with other normalizers and pre-tokenizers, gets texts that are many times as long as the
model reads, with every way of cutting them. What stays of an excerpt is compared with what stays of all of the text:
ids, types, offsets and words. It prints how often a part was enough, and ends with 1 when one differs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

from tokenizers import AddedToken, Tokenizer, normalizers, pre_tokenizers

from handler.config import HandlerConfig
from handler.excerpts import FAR, NEAR
from handler.text import TextTokenizer
from handler.truncation import Cut, truncate
from handler.types import Encoding, Text
from tests.hostile.tokenizers import bases, texts
from tests.hostile.tokenizers.components import SECTIONS

LIMITS = (8, 13, 32)
"""Tokens; an odd number of them leaves a pair an even number, and the other way round."""
EDITED = 12
"""Of each kind."""
WIDTHS = (1, 3, NEAR)
"""Characters per token of what is tried first; with few of them what stays ends close to where the text was parted."""
SEPARATORS = ("", " ", " ", " ", " ", "\n", "  ", ". ", "\u3000", "\u00a0")


def served(folder: Path, minilm: Path | None = None, edits: int = EDITED) -> dict[str, TextTokenizer]:
    """A tokenizer of each kind, and of a real model; with added tokens that take spaces, and `edits` times edited."""
    found = {} if minilm is None else {"MiniLM": Tokenizer.from_file(str(minilm / "tokenizer.json"))}
    for name in bases.BASES:
        bases.save(name, folder / name)
        for suffix, lstrip, rstrip in (("", False, False), (", lstrip", True, False), (", rstrip", False, True)):
            found[name + suffix] = Tokenizer.from_file(str(folder / name / "tokenizer.json"))
            if suffix:
                found[name + suffix].add_tokens([AddedToken("river", lstrip=lstrip, rstrip=rstrip)])
        for number in range(edits):
            found[f"{name}, edited {number}"] = edited(folder / name / "tokenizer.json", Random(f"{name} {number}"))
    config = HandlerConfig(task="embedding", max_length=16)
    return {name: TextTokenizer(tokenizer, config) for name, tokenizer in found.items()}


def edited(file: Path, random: Random) -> Tokenizer:
    """With one or two normalizers and pre-tokenizers of any class that the library has."""
    tokenizer = Tokenizer.from_file(str(file))
    sequences = {"normalizer": normalizers.Sequence, "pre_tokenizer": pre_tokenizers.Sequence}
    for stage, sequence in sequences.items():
        makers = [make for made in SECTIONS[stage][2].values() for make in made]
        before = [getattr(tokenizer, stage)] if getattr(tokenizer, stage) is not None else []
        chosen = [*random.sample(before, random.randrange(len(before) + 1)), random.choice(makers)()]
        random.shuffle(chosen)
        setattr(tokenizer, stage, sequence(chosen))
    return tokenizer


def long_text(random: Random, tokens: Sequence[str], least: int) -> str:
    """Texts of a few kinds after another, one of them words, until there are so many characters."""
    kinds = [random.choice((texts.letters, texts.sentence)), *random.sample(texts.KINDS, 2)]
    separators = random.sample(SEPARATORS, 3)
    made = ""
    while len(made) < least:
        made += random.choice(kinds)(random, tokens) + random.choice(separators)
    return made


def inputs(random: Random, tokens: Sequence[str], limit: int) -> Text:
    """A text, or a pair of which one or both are long."""
    size = random.choice((2, 3, 5)) * NEAR * limit
    if random.random() < 0.6:
        return long_text(random, tokens, size)
    sides = [long_text(random, tokens, length) for length in (size, random.choice((4, 60, size)))]
    random.shuffle(sides)
    return sides[0], sides[1]


def cuts(limit: int, text: Text) -> Iterator[Cut]:
    """All that a text may be cut by."""
    for policy in ("right", "left"):
        yield Cut(policy, limit)
        if not isinstance(text, str):
            yield Cut(policy, limit, pairs="only_first")


def same(ours: Encoding, whole: Encoding, policy: str) -> bool:
    """Whether what stays is the same; of `left`, where it stood before is not known."""
    keys = ("ids", "type_ids", "special", "offsets", "word_ids", "sequence_ids")
    return all(getattr(ours, key) == getattr(whole, key) for key in keys) and (
        policy == "left" or ours.token_offset == whole.token_offset
    )


def compare(tokenizer: TextTokenizer, text: Text, cut: Cut, with_offsets: bool, width: int) -> str:
    """`in part`, `whole`, or `DIFFERENT`."""
    encode = tokenizer.backend.encode_batch if with_offsets else tokenizer.backend.encode_batch_fast
    part = tokenizer.excerpts.of(text, cut, with_offsets, width)
    first, whole = (tokenizer.convert(encoding, with_offsets) for encoding in encode([part, text]))
    if part is not text and isinstance(part, str) and not is_end(body(first), body(whole), cut.policy):
        return "DIFFERENT"
    return verdict(tokenizer.enough(text, part, first, cut, with_offsets), whole, cut)


def body(encoding: Encoding) -> list[int]:
    """Without the special tokens around it."""
    return [id for id, special in zip(encoding.ids, encoding.special, strict=True) if not special]


def is_end(part: list[int], whole: list[int], policy: str) -> bool:
    """Whether the tokens of a part are the first or the last of its text, up to the very place where it was parted."""
    return part == (whole[: len(part)] if policy == "right" else whole[len(whole) - len(part) :])


def verdict(ours: Encoding, whole: Encoding, cut: Cut) -> str:
    """See `compare`; where the cut itself is refused, both have to be."""
    results: list[Any] = []
    for encoding in (ours, whole):
        try:
            (window,) = truncate(encoding, *cut)
            results.append(window)
        except Exception as error:
            results.append(str(error))
    first, second = results
    equal = (
        first == second if isinstance(first, str) else isinstance(second, Encoding) and same(first, second, cut.policy)
    )
    if not equal or (len(ours) > cut.limit) != (len(whole) > cut.limit):
        return "DIFFERENT"
    return "whole" if len(ours) == len(whole) else "in part"


def run(tokenizers: dict[str, TextTokenizer], count: int, seed: str) -> dict[str, Counter[str]]:
    """Verdicts on `count` texts, dealt out to the tokenizers."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for number in range(count):
        name = list(tokenizers)[number % len(tokenizers)]
        tokenizer, random = tokenizers[name], Random(f"{seed} {number}")
        tokens = [token.content for token in tokenizer.backend.get_added_tokens_decoder().values()]
        limit = random.choice(LIMITS)
        text = inputs(random, tokens, limit)
        with_offsets = random.random() < 0.5
        for cut, width in product(cuts(limit, text), WIDTHS):
            said = compare(tokenizer, text, cut, with_offsets, width)
            found[name.rstrip("0123456789 ")][said] += 1
            if said == "DIFFERENT":
                where = f"text {number} of seed {seed}, {cut}, offsets {with_offsets}, width {width}"
                print(f"DIFFERENT: {name}, {where}", flush=True)
    return found


def main(words: Sequence[str] | None = None) -> int:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=10_000)
    parser.add_argument("--seed", default="0")
    parser.add_argument(
        "--model", type=Path, help="folder of a real model, such as .cache/checkpoints/all-MiniLM-L6-v2"
    )
    given = parser.parse_args(words)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        found = run(served(Path(folder), given.model), given.texts, given.seed)
    print("| tokenizer | in part | whole | DIFFERENT |\n|---|---|---|---|")
    for name, counts in found.items():
        print(f"| {name} | {counts['in part']} | {counts['whole']} | {counts['DIFFERENT']} |")
    total = sum(found.values(), Counter())
    print(f"\n{given.texts} texts, {sum(total.values())} comparisons, {total['DIFFERENT']} different")
    print(f"{time.monotonic() - began:.0f} s; excerpts of {NEAR} and {FAR} characters per token")
    return int(total["DIFFERENT"] > 0)


if __name__ == "__main__":
    sys.exit(main())
