"""The commands' class: numbers of options are finite. typer takes `inf` and `nan` for numbers, within any bounds."""

from __future__ import annotations

from math import isfinite
from typing import Any

import typer
from typer.core import TyperCommand


class Verb(TyperCommand):
    """A command of `scripts/bert`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Called by typer.

        Raises:
            BadParameter: the number of an option is infinite, or none.
        """
        rest = super().parse_args(ctx, args)
        for option in self.params:
            value = ctx.params.get(option.name)
            if isinstance(value, float) and not isfinite(value):
                raise typer.BadParameter(f"{value} is no finite number", ctx, param_hint=f"'{option.opts[0]}'")
        return rest
