"""Added and special tokens: each flag, in each place where a folder may say one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from tests.hostile.tokenizers.folders import Edit, change, config, several, tokenizer_json


def free(folder: Path) -> int:
    """The first id that is not taken."""
    return Tokenizer.from_file(str(folder / "tokenizer.json")).get_vocab_size()


def token(content: str, **flags: bool) -> dict[str, Any]:
    """An added token with its flags."""
    return {
        "content": content,
        **dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized", "special"), False),
        **flags,
    }


def in_tokenizer_json(flags: Mapping[str, bool], content: str, folder: Path) -> None:
    """Append an added token."""
    listed = json.loads((folder / "tokenizer.json").read_text())["added_tokens"]
    tokenizer_json(folder, added_tokens=[*listed, {"id": free(folder), **token(content, **flags)}])


def in_decoder(flags: Mapping[str, bool], content: str, folder: Path) -> None:
    """Append one to `added_tokens_decoder`."""
    listed = json.loads((folder / "tokenizer_config.json").read_text()).get("added_tokens_decoder", {})
    config(folder, added_tokens_decoder={**listed, str(free(folder)): token(content, **flags)})


def in_special_map(flags: Mapping[str, bool], content: str, folder: Path) -> None:
    """Make it the mask, as `special_tokens_map.json` says it."""
    config(folder, mask_token=...)
    change(folder / "special_tokens_map.json", mask_token=token(content, **flags))


def in_mask(flags: Mapping[str, bool], content: str, folder: Path) -> None:
    """Make it the mask, as `tokenizer_config.json` says it."""
    config(folder, mask_token={"__type": "AddedToken", **token(content, **flags)})


def in_extra(flags: Mapping[str, bool], content: str, folder: Path) -> None:
    """Make it an additional special token of `special_tokens_map.json`, which takes no flag `special`."""
    listed = {name: flag for name, flag in token(content, **flags).items() if name != "special"}
    change(folder / "special_tokens_map.json", extra_special_tokens=[listed])


def in_added_tokens_json(numbers: Iterable[int], folder: Path) -> None:
    """Tokens with these ids after those that are taken."""
    first = free(folder)
    change(folder / "added_tokens.json", **{f"[New{number}]": first + number for number in numbers})


PLACES = (in_tokenizer_json, in_decoder, in_special_map, in_mask, in_extra)


def added_tokens() -> Iterator[Edit]:
    """Each flag alone, all and none, in each place where a token may be said."""
    names = ("single_word", "lstrip", "rstrip", "normalized", "special")
    flags = [
        {},
        *({name: True} for name in names),
        dict.fromkeys(names, True),
        {"lstrip": True, "rstrip": True, "special": True},
    ]
    for place, chosen in product(PLACES, flags):
        yield Edit("added token", f"{place.__name__} {' '.join(chosen)}", partial(place, chosen, "[New]"))
    for content in ("the", " ferry ", "É", "ﬁ", "ARIVER", "▁the", "Ġthe", "##er", "\n", "渡船", "🙂", "e\u0301"):
        yield Edit("added token", f"{content!r}", partial(in_tokenizer_json, {"normalized": True}, content))
        yield Edit("added token", f"{content!r} as it is typed", partial(in_tokenizer_json, {}, content))
    for name, ids in {"as they follow": (0,), "with a hole": (9,), "beyond the model": range(70)}.items():
        yield Edit("added token", f"added_tokens.json, {name}", partial(in_added_tokens_json, ids))
    twice = several(
        partial(in_tokenizer_json, {"special": True}, "[New]"), partial(in_decoder, {"lstrip": True}, "[New]")
    )
    yield Edit("added token", "twice", twice)
    yield Edit(
        "added token",
        "additional_special_tokens",
        partial(config, additional_special_tokens=["[New]", "<tag>"], extra_special_tokens=...),
    )
    yield Edit("added token", "extra_special_tokens", partial(config, extra_special_tokens=["[New]", "<tag>"]))
    yield Edit(
        "added token", "extra_special_tokens as a map", partial(config, extra_special_tokens={"image_token": "<image>"})
    )
    yield Edit("added token", "image_token", partial(config, image_token="<image>"))
