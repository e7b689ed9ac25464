"""What transformers' tokenizer knows beside its `tokenizer.json`; the packer writes it, the worker reads it."""

from __future__ import annotations

from pathlib import Path

import msgspec
from tokenizers import Tokenizer

FILE = "tokenizer_settings.json"
CLEANED = (".", "?", "!", ",", "n't", "'m", "'s", "'ve", "'re")
"""What has no space before it in a decoded text; see transformers' `clean_up_tokenization`."""


class TokenizerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The content of the file, in transformers' words.

    Attributes:
        unk_token, pad_token, mask_token: contents of these tokens; None where nobody named one.
        token_type_ids: whether the model is given types of tokens; else all have type 0, the second text of a pair too.
        split_special_tokens: whether special tokens in a text are cut as any other word.
        clean_up_tokenization_spaces: whether decoded texts lose spaces before punctuation.
    """

    unk_token: str | None = None
    pad_token: str | None = None
    mask_token: str | None = None
    token_type_ids: bool = True
    split_special_tokens: bool = False
    clean_up_tokenization_spaces: bool = False

    def id(self, tokenizer: Tokenizer, name: str, *usual: str | None) -> int | None:
        """Id of the token that is named, or where none is, of the first of the usual ones that the vocabulary has."""
        named = getattr(self, name)
        ids = (tokenizer.token_to_id(token) for token in (usual if named is None else (named,)) if token)
        return next((id for id in ids if id is not None), None)

    def clean_up(self, text: str) -> str:
        """A decoded text, without spaces before punctuation if it is to have none."""
        if not self.clean_up_tokenization_spaces:
            return text
        for mark in CLEANED[:4]:
            text = text.replace(f" {mark}", mark)
        text = text.replace(" ' ", "'")
        for mark in CLEANED[4:]:
            text = text.replace(f" {mark}", mark)
        return text


def load(file: Path) -> TokenizerSettings:
    """Read the file; archives from before there was one have what is usual."""
    return msgspec.json.decode(file.read_bytes(), type=TokenizerSettings) if file.exists() else TokenizerSettings()
