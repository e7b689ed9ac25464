"""Tokenizers of three kinds, made from a text that this file carries and words that mean nothing.

Pieces are counted here: the trainers of the tokenizers library for WordPiece and Unigram put equal counts in an order
that differs from process to process, and a checkpoint has to be the same whenever it is made. Its BPE trainer does not.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, count, product

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

TEXT = """
The ferry crosses the river twice a day, and nobody on board minds the rain. Marta lives in Lisbon and works in Oslo;
her brother keeps bees near Cork. It costs 12.50 to park there, doesn't it? Every model learns what its data repeats.
Die Fähre fährt bei jedem Wetter über den Fluss, und niemand stört sich am Regen. Was kostet die Überfahrt am Sonntag?
Le bac traverse la rivière deux fois par jour, même en hiver; où sont passés les élèves de l'école voisine?
El barco cruza el río dos veces al día. ¿Quién lo espera mañana en la otra orilla? Un niño con una caña.
Паром пересекает реку дважды в день, и дождь никому не мешает. Το πλοίο περνά το ποτάμι δύο φορές την ημέρα.
تعبر العبارة النهر مرتين في اليوم ولا يهتم أحد بالمطر.
המעבורת חוצה את הנהר פעמיים ביום. नाव दिन में दो बार नदी पार करती है।
渡船每天两次过河，没有人介意下雨。 フェリーは一日に二回、川を渡ります。 나룻배는 하루에 두 번 강을 건넌다. 🙂
"""
BYTES = ("Roberta", "MPNet", "ModernBert", "EuroBert", "Data2VecText", "RobertaPreLayerNorm")
UNIGRAM = ("XLMRoberta", "Camembert", "Albert", "XLMRobertaXL", "Gte", "JinaEmbeddingsV3", "RemBert")
"""Families of byte-level BPE and of Unigram; the others have WordPiece."""
BRACKETS = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
ANGLES = {"cls": "<s>", "pad": "<pad>", "sep": "</s>", "unk": "<unk>", "mask": "<mask>"}
"""Special tokens in the order of their ids, except that the mask of those in angles has the last id of all."""
ENDING = 4  # characters of the longest end of a word that is a piece
MERGES = 1000  # more than the text's words have


def make(family: str, size: int, longest: int) -> PreTrainedTokenizerFast:
    """A tokenizer of the family's kind.

    Args:
        family: as transformers names its classes, `Bert` or `Roberta`.
        size: of the vocabulary, special tokens included.
        longest: sequence of the model in tokens, special tokens included.
    """
    kind = byte_level if family in BYTES else unigram if family in UNIGRAM else wordpiece
    special = BRACKETS if kind is wordpiece else ANGLES
    names = {f"{name}_token": token for name, token in special.items()}
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=kind(size), model_max_length=longest, **names
    )


def wordpiece(size: int) -> Tokenizer:
    """BERT's: letters, words, ends of words after `##`, and words that mean nothing."""
    normalizer, cutter = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    words = [word for word, _ in cutter.pre_tokenize_str(normalizer.normalize_str(TEXT))]
    letters = [letter for letter, _ in ranked(chain(*words))][: size // 4]  # what is rarer is [UNK]
    inside = [f"##{piece}" for piece in [*letters, *(end for end, _ in ranked(ends(words)))]]
    pieces = [*letters, *inside[: len(letters)], *(word for word, _ in ranked(words)), *inside[len(letters) :]]
    listed = filled([*BRACKETS.values(), *pieces], size, "")
    tokenizer = Tokenizer(models.WordPiece({token: id for id, token in enumerate(listed)}, unk_token=BRACKETS["unk"]))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, cutter
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.BertProcessing(*ends_of(BRACKETS, listed))
    return tokenizer


def byte_level(size: int) -> Tokenizer:
    """RoBERTa's: bytes and their merges; a word that means nothing needs no merges, since it is looked up whole."""
    special = list(ANGLES.values())
    trainer = trainers.BpeTrainer(
        vocab_size=min(size - 1, MERGES),
        special_tokens=special[:-1],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trained.train_from_iterator([TEXT], trainer)
    found = json.loads(trained.to_str())["model"]
    listed = [*filled(sorted(found["vocab"], key=found["vocab"].get), size - 1, "Ġ"), ANGLES["mask"]]
    merges = [(left, right) for left, right in found["merges"]]
    tokenizer = Tokenizer(models.BPE({token: id for id, token in enumerate(listed)}, merges, ignore_merges=True))
    tokenizer.pre_tokenizer, tokenizer.decoder = trained.pre_tokenizer, decoders.ByteLevel()
    sep, cls = ends_of(ANGLES, listed)
    tokenizer.post_processor = processors.RobertaProcessing(sep, cls, True, False)  # trims spaces off places
    return tokenizer


def unigram(size: int) -> Tokenizer:
    """XLM-RoBERTa's: pieces with the logarithms of their shares, which a text's cut makes as likely as it can."""
    normalizer, cutter = normalizers.NFKC(), pre_tokenizers.Metaspace()
    words = [word for word, _ in cutter.pre_tokenize_str(normalizer.normalize_str(TEXT))]
    letters = [letter for letter, _ in ranked(chain(*words))][: size // 4]
    counts = dict.fromkeys(letters, 1) | dict([*ranked(words), *ranked(ends(words))])  # letters where nothing else fits
    listed = filled([*list(ANGLES.values())[:-1], *counts], size - 1, "▁")
    total = sum(counts.values())
    scores = [(token, math.log(counts.get(token, 1) / total)) for token in listed]
    tokenizer = Tokenizer(models.Unigram([*scores, (ANGLES["mask"], 0.0)], unk_id=listed.index(ANGLES["unk"])))
    tokenizer.normalizer, tokenizer.pre_tokenizer, tokenizer.decoder = normalizer, cutter, decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        "<s> $A </s>", "<s> $A </s> </s> $B </s>", ends_of(ANGLES, listed)
    )
    return tokenizer


def ends_of(special: Mapping[str, str], listed: Sequence[str]) -> list[tuple[str, int]]:
    """The tokens after and before a text, with their ids."""
    return [(special[name], listed.index(special[name])) for name in ("sep", "cls")]


def ranked(items: Iterable[str]) -> list[tuple[str, int]]:
    """With their counts, the most frequent first, equal ones in their own order."""
    return sorted(Counter(items).items(), key=lambda item: (-item[1], item[0]))


def ends(words: Iterable[str]) -> Iterator[str]:
    """Ends of words, of two characters and more."""
    return (word[-length:] for word in words for length in range(2, min(ENDING + 1, len(word))))


def filled(tokens: Iterable[str], size: int, before: str) -> list[str]:
    """That many different tokens: these, and then words of ever more syllables with `before` in front."""
    syllables = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]
    made = (before + "".join(parts) for length in count(2) for parts in product(syllables, repeat=length))
    several = dict.fromkeys(tokens)
    for word in made:
        if len(several) >= size:
            break
        several[word] = None
    return list(several)[:size]
