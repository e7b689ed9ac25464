"""What has no drawing of its own: JSON."""

from __future__ import annotations

import orjson
from rich.console import RenderableType
from rich.text import Text

from scripts.drawing.drawn import Drawn


def draw(drawn: Drawn) -> RenderableType:
    """Indented."""
    return Text(orjson.dumps(drawn.answer, option=orjson.OPT_INDENT_2).decode())
