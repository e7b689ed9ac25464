"""Packs tokenizers of folders that were edited, and compares what is served with what AutoTokenizer makes of the folder.

`python -m tests.hostile.tokenizers --folder DIR [--texts N] [--pairs N] [--every N] [WORD ...]`; words choose folders by
their names. It prints a table by kind of edit, and ends with 1 when one differs or fails with anything but a reason.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from handler.config import HandlerConfig
from handler.text import TextTokenizer, convert
from handler.truncation import truncate
from scripts.console import Failure
from scripts.packing import tokenizer
from scripts.sources import checkpoint as checkpoints
from tests.hostile import tokenizer_bases as bases
from tests.hostile.texts import texts
from tests.hostile.tokenizer_edits import Edit, edits

EQUAL, REFUSED, DIFFERENT, TRACEBACK = VERDICTS = ("equal", "refused", "DIFFERENT", "TRACEBACK")
SHORT = (8, 13)
"""Lengths in tokens to which texts are cut, the special ones included."""


@dataclass(frozen=True, slots=True)
class Case:
    """A base with its edits."""

    base: str
    edits: tuple[Edit, ...]

    @property
    def name(self) -> str:
        """Base and edits, for people."""
        return f"{self.base}: {' + '.join(f'{edit.kind} {edit.name}' for edit in self.edits)}"

    @property
    def kind(self) -> str:
        """Row of the table."""
        return self.edits[0].kind if len(self.edits) == 1 else "two at once"


def cases(pairs: int) -> Iterator[Case]:
    """Each edit on each base that it suits, and then `pairs` of two."""
    suited = {
        base: [edit for edit in edits() if not edit.bases or any(word in base for word in edit.bases)]
        for base in bases.BASES
    }
    for base, some in suited.items():
        yield from (Case(base, (edit,)) for edit in some)
    random = Random(0)
    for number in range(pairs):
        base = list(suited)[number % len(suited)]
        yield Case(base, tuple(random.sample(suited[base], 2)))


def make(case: Case, folder: Path, originals: Path) -> str:
    """The edited folder; why it cannot be made, or nothing."""
    shutil.copytree(originals / case.base, folder)
    try:
        for edit in case.edits:
            edit.apply(folder)
    except Exception as error:  # the first edit left nothing that the second can change
        return f"{type(error).__name__}: {error}"
    return ""


def verdict(folder: Path, count: int) -> tuple[str, str]:
    """How a folder is packed and served, and the reason or the difference."""
    target = folder.with_name(f"{folder.name}-packed")
    target.mkdir()
    try:
        checkpoint = checkpoints.read(folder)
        tokenizer.write(checkpoint, target)
        config = HandlerConfig(task="embedding", max_length=max(checkpoint.max_length, 4))
        served = TextTokenizer.load(target / tokenizer.FILE, config)
        differs = difference(served, reference(folder), checkpoint, count)
    except Failure as failure:
        return REFUSED, f"{failure.what} {failure.why or ''}".replace(str(folder), "FOLDER").strip()
    except Exception as error:
        return TRACEBACK, f"{type(error).__name__}: {error}"
    return (DIFFERENT, differs) if differs else (EQUAL, "")


def reference(folder: Path) -> Any:
    """What transformers makes of the folder."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)


def difference(served: TextTokenizer, theirs: Any, checkpoint: Any, count: int) -> str:
    """Where the two differ; nothing when they do not."""
    own = [token.content for token in theirs.added_tokens_decoder.values()]
    some = texts(own, count, str(checkpoint.folder.name))
    pairs = list(zip(some, [*some[7:], *some[:7]], strict=True))
    for listed, name in ((some, "text"), (pairs, "pair")):
        fast = [encoding.ids for encoding in served.backend.encode_batch_fast(listed)]
        whole = [convert(encoding, with_offsets=True) for encoding in served.backend.encode_batch(listed)]
        wanted = theirs(
            listed if name == "text" else some,
            None if name == "text" else [b for _, b in pairs],
            return_offsets_mapping=True,
            return_special_tokens_mask=True,
            return_token_type_ids=True,
            verbose=False,
        )
        for text, ids, ours, *rest in zip(
            listed,
            fast,
            whole,
            *(wanted[key] for key in ("input_ids", "token_type_ids", "special_tokens_mask", "offset_mapping")),
            strict=True,
        ):
            if [ids, ours.ids, ours.type_ids, ours.special, ours.offsets] != [rest[0], *rest]:
                return f"{name} {text!r}: {ours.ids[:20]} {rest[0][:20]}"
        for limit in SHORT:
            cut = theirs(
                listed if name == "text" else some,
                None if name == "text" else [b for _, b in pairs],
                truncation=True,
                max_length=limit,
                verbose=False,
            )["input_ids"]
            for text, ours, ids in zip(listed, whole, cut, strict=True):
                (short,) = truncate(ours, checkpoint.truncation, limit)
                if short.ids != ids:
                    return f"{name} cut to {limit} {text!r}: {short.ids} {ids}"
        for skip in (True, False):
            for ids in wanted["input_ids"]:
                ours, their = served.decode(ids, skip), theirs.decode(ids, skip_special_tokens=skip)
                if ours != their:
                    return f"decoded {ids[:20]}: {ours!r} {their!r}"
    named = {"pad": served.padding, "mask": served.mask, "unk": served.unknown}
    wrong = {
        key: (id, want) for key, id in named.items() if (want := getattr(theirs, f"{key}_token_id")) not in (None, id)
    }
    return f"ours, theirs: {wrong}" if wrong else ""


def table(found: Sequence[tuple[Case, str, str]]) -> str:
    """Markdown, by kind of edit."""
    counts = Counter((case.kind, said) for case, said, _ in found)
    kinds = list(dict.fromkeys(case.kind for case, _, _ in found))
    lines = [f"| edit | {' | '.join(VERDICTS)} |", "|---|" + "---|" * len(VERDICTS)]
    lines += [f"| {kind} | {' | '.join(str(counts[kind, said]) for said in VERDICTS)} |" for kind in kinds]
    total = Counter(said for _, said, _ in found)
    return "\n".join([*lines, f"| all {len(found)} | {' | '.join(str(total[said]) for said in VERDICTS)} |"])


def run(chosen: Sequence[Case], folder: Path, count: int) -> list[tuple[Case, str, str]]:
    """Verdicts of all that can be made."""
    originals = folder / "originals"
    for base in {case.base for case in chosen}:
        bases.save(base, originals / base)
    found = []
    for number, case in enumerate(chosen):
        here = folder / str(number)
        if not make(case, here, originals):
            found.append((case, *verdict(here, count)))
    return found


def main(words: Sequence[str] | None = None) -> int:
    """Run what is chosen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*", help="of the names of folders; default: all")
    parser.add_argument("--folder", type=Path, required=True, help="a new one, for everything that is written")
    parser.add_argument("--texts", type=int, default=200, help="compared per folder")
    parser.add_argument("--pairs", type=int, default=140, help="folders with two edits")
    parser.add_argument("--every", type=int, default=1, help="only each n-th folder")
    given = parser.parse_args(words)
    chosen = [case for case in cases(given.pairs) if not given.words or any(word in case.name for word in given.words)]
    given.folder.mkdir(parents=True)
    began = time.monotonic()
    warnings.simplefilter("ignore")
    found = run(chosen[:: given.every], given.folder, given.texts)
    for case, said, reason in found:
        if said != EQUAL:
            print(f"{said}: {case.name}: {' '.join(reason.split())[:300]}")
    print(f"\n{table(found)}\n\n{time.monotonic() - began:.0f} s, {given.texts} texts each")
    return any(said in (DIFFERENT, TRACEBACK) for _, said, _ in found)


if __name__ == "__main__":
    sys.exit(main())
