"""What is to be done, as the commands of a shell."""

from __future__ import annotations

import re

INTRODUCTION = re.compile(r"^[a-z][^'\"`|&]*: (?=\S)")
"""Words before the first command, such as `if these are all of them: `."""
OTHERWISE = "; the same with"
"""Where an advice goes on with what is done in another case."""
AGAIN = "the same command again"


def commands(fix: str, pack: str) -> list[str]:
    """The commands of an advice, in their order.

    Args:
        fix: as it is printed.
        pack: the command that was refused; it comes last, unless the advice says what to pack.
    """
    words = INTRODUCTION.sub("", fix.partition(OTHERWISE)[0])
    found = [pack if each == AGAIN else each for each in words.split(", then ")]
    return found if found[-1] == pack or found[-1].startswith("scripts/bert pack ") else [*found, pack]
