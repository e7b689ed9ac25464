"""Pictures of the page for the documents: each task in every look side by side, and two of the first impression."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page

from scripts.paths import ROOT
from tests.browser.chromium import DARK, PHONE, Visit

FOLDER = ROOT / "docs" / "images"
TASKS = "page"
"""The folder in it that has a picture of each task."""
FIRST = {
    "page": ("embedding", {"viewport": {"width": 1100, "height": 900}}, None),
    "page-phone": ("tokenize", {**PHONE, **DARK}, "languages"),
}
COLOURS, GAP, HEIGHT, QUALITY = 128, 12, 1000, 50
"""Of a palette; pixels between two looks; pixels after which a picture is cut; WebP's, from 0 to 100."""


def taken(page: Page, full: bool = False) -> Image.Image:
    """What the page shows, or with `full` also what one would have to scroll to."""
    return Image.open(io.BytesIO(page.screenshot(full_page=full, animations="disabled"))).convert("RGB")


def photograph(browser: Browser, server: str, folder: Path) -> Iterator[str]:
    """Pictures of the first impression, in few colours."""
    for name, (task, look, example) in FIRST.items():
        with Visit(browser, f"{server}/predictions/bert/1.0", **look) as visit:
            visit.open(task)
            visit.example(example)
            file = folder / f"{name}.png"
            colours: Any = taken(visit.page).quantize(COLOURS, dither=Image.Dither.NONE)
            colours.save(file, optimize=True)
            yield f"picture: {file.name}, {file.stat().st_size} bytes"


def kept(looks: Iterable[Image.Image], file: Path) -> str:
    """Write one picture of a task; a line about it."""
    shots = [each.crop((0, 0, each.width, min(each.height, HEIGHT))) for each in looks]
    width = sum(each.width + GAP for each in shots) - GAP
    picture, left = Image.new("RGB", (width, max(each.height for each in shots)), "white"), 0
    for each in shots:
        picture.paste(each, (left, 0))
        left += each.width + GAP
    file.parent.mkdir(exist_ok=True)
    picture.save(file, quality=QUALITY, method=6)
    return f"picture: {file.parent.name}/{file.name}, {file.stat().st_size} bytes"
