"""`vocab.txt` to a tokenizer that cuts texts as Google's `FullTokenizer` does; and whether it keeps case."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import WordPiece

from scripts.console import Failure, err

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
LONGEST_WORD = 200
"""Characters; a longer word is [UNK]. Google's `WordpieceTokenizer` has 200, Hugging Face's 100."""
CAPITALS = 0.01
"""Share of words with capitals beyond which a vocabulary keeps case: uncased ones have none, cased ones a third."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words of a checkpoint.

    Attributes:
        file: where they were read.
        ids: word -> id; of a word that stands on several lines, the last one, as in transformers. Google's own releases
            disagree.
        lines: of the file.
    """

    file: Path
    ids: dict[str, int]
    lines: int

    @property
    def padding(self) -> int:
        """The id of `[PAD]`."""
        return self.ids["[PAD]"]


@dataclass(frozen=True, slots=True)
class Casing:
    """Whether texts keep their case, and why."""

    cased: bool
    why: str


def read(file: Path, size: int) -> Vocabulary:
    """Read a vocabulary of at most `size` words.

    Raises:
        Failure: the file is missing, has more words than the model, or lacks a special one.
    """
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise Failure(f"{file} is missing", fix="name it with --vocab") from None
    except UnicodeDecodeError as error:
        raise Failure(f"{file} is not UTF-8: {error}", fix="copy it again from where it came from") from None
    lines = text.rstrip("\r\n").split("\n")  # other characters that end a line may be words
    ids = {line.strip(): number for number, line in enumerate(lines)}
    if len(ids) < len(lines):
        err.print(f"{len(lines) - len(ids)} lines of {file} repeat a word: its last line counts", style="yellow")
    missing = [word for word in SPECIAL if word not in ids]
    if missing:
        raise Failure(f"{file} lacks {', '.join(missing)}", fix="name this checkpoint's own vocab.txt with --vocab")
    if len(lines) > size:
        raise Failure(
            f"{file} has {len(lines)} words, bert_config.json says vocab_size {size}",
            fix="name this checkpoint's own files with --vocab and --config",
        )
    return Vocabulary(file, ids, len(lines))


def detect(vocabulary: Vocabulary) -> Casing:
    """A vocabulary that was made from lower-cased texts has no capitals."""
    words = [word for word in vocabulary.ids if word not in SPECIAL and word.lower() != word.upper()]
    capitals = [word for word in words if word != word.lower()]
    found = f"{len(capitals)} of the {len(words)} words with letters in {vocabulary.file.name} have capitals"
    return Casing(len(capitals) > CAPITALS * len(words), found)


def tokenizer(vocabulary: Vocabulary, cased: bool) -> Tokenizer:
    """The pipeline of Google's `FullTokenizer`: clean, split Chinese characters, lower-case, strip accents, cut.

    As Hugging Face's it differs from Google's in rare characters: a Greek sigma at a word's end keeps its common form,
    characters of private use vanish, and a hundred punctuation marks of later Unicode versions do not split words.
    """
    ids = vocabulary.ids
    built = Tokenizer(WordPiece(ids, unk_token="[UNK]", max_input_chars_per_word=LONGEST_WORD))
    built.normalizer = normalizers.BertNormalizer(lowercase=not cased)
    built.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    built.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(word, ids[word]) for word in ("[CLS]", "[SEP]")],
    )
    built.decoder = decoders.WordPiece()
    built.add_special_tokens(list(SPECIAL))
    return built


def write(vocabulary: Vocabulary, folder: Path, cased: bool, longest: int) -> None:
    """`tokenizer.json`, `vocab.txt` and what transformers wants to know beside them."""
    tokenizer(vocabulary, cased).save(str(folder / "tokenizer.json"))
    (folder / "vocab.txt").write_bytes(vocabulary.file.read_bytes())
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",  # takes the file as it is; BertTokenizer has its own longest word
        "model_input_names": ["input_ids", "token_type_ids", "attention_mask"],
        "do_lower_case": not cased,
        "tokenize_chinese_chars": True,
        "strip_accents": None,
        "model_max_length": longest,
        **{f"{word.strip('[]').lower()}_token": word for word in SPECIAL},
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n")
