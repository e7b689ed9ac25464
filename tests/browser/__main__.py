"""Each task's page in Chromium, light, dark and on a phone: `python -m tests.browser`; --write keeps all it found.

One server has an archive of every kind of head, another one and a gateway want keys. Needs Chromium and
`scripts/setup browser`.
"""

from __future__ import annotations

import argparse
import gzip
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import requests
from playwright.sync_api import Browser

from handler.protocols import ui
from handler.tasks import TASKS
from scripts.paths import ROOT
from scripts.sources import pull
from tests import heads, late_interaction
from tests.browser import pictures
from tests.browser.beside import loaded
from tests.browser.chromium import DARK, PHONE, Visit, chromium
from tests.browser.drawn import CHECKS
from tests.browser.locked import guarding, locked
from tests.e2e.conftest import serving

ARCHIVES = {
    "text-classification": "classes",
    "zero-shot-classification": "nli",
    "token-classification": "entities",
    "question-answering": "answers",
    "fill-mask": "words",
    "sparse-embedding": "words",
    "multi-vector": "colbert",
    "hybrid-embedding": "m3",
}
"""That can do a task, where it is not `bert`."""
LOOKS: dict[str, dict[str, Any]] = {"wide, light": {}, "wide, dark": DARK, "phone, dark": {**PHONE, **DARK}}
LINES, PAINTS, MOST_PAINT = 1000, 5, 300.0
LOG = Path(__file__).with_name("results") / "page.txt"


def folders(here: Path) -> dict[str, Path]:
    """A checkpoint for every task, by the name of its archive; weights are random but for `bert`."""
    from transformers import AutoTokenizer

    minilm = pull.pull("all-MiniLM-L6-v2")
    tokenizer = AutoTokenizer.from_pretrained(minilm)
    tiny = heads.save(here / "tiny", "Bert", "Model", tokenizer)
    colbert = late_interaction.saved(tiny, here / "colbert")
    m3 = late_interaction.bge_m3(tiny, here / "m3")
    special = {"nli": heads.nli(minilm, here), "colbert": colbert, "m3": m3}
    return {"bert": minilm, **special, **heads.one_of_each(minilm, here)}


def drawn(browser: Browser, server: str, folder: Path) -> Iterator[str]:
    """Every task in every look: its drawing, what axe-core says, whether anything sticks out, and a picture.

    Raises:
        AssertionError: one of them is not as it has to be.
    """
    for task in TASKS:
        url, shots = f"{server}/predictions/{ARCHIVES.get(task, 'bert')}/1.0", []
        for name, look in LOOKS.items():
            with Visit(browser, url, **look) as visit:
                page = visit.open(task)
                begin = perf_counter()
                body = visit.example()
                seconds = perf_counter() - begin
                call = requests.get if body is None else requests.post
                answer = call(f"{url}/{task}", json=body, timeout=60).json()
                shots.append(pictures.taken(page, full=True))
                CHECKS[task](page, body, answer)
                assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{task} is too wide"
                assert not (wrong := [*visit.violations(), *visit.elsewhere, *visit.complaints]), f"{task}: {wrong}"
            yield f"{task:26} {name:12} as the server answers; axe-core: nothing; drawn after {1000 * seconds:.0f} ms"
        yield pictures.kept(shots, folder / pictures.TASKS / f"{task}.webp")


def painted(browser: Browser, server: str) -> Iterator[str]:
    """How soon something is seen, and how large the page is."""
    script = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
    times = []
    for _ in range(PAINTS):
        with Visit(browser, f"{server}/predictions/bert/1.0") as visit:
            times.append(float(visit.open("embedding").evaluate(script)))
    size, packed = len(ui.content()), len(gzip.compress(ui.content(), 9))
    yield f"size: {size} bytes, {packed} compressed"
    yield (
        f"first paint: {min(times):.0f} ms at best of {PAINTS}, {statistics.median(times):.0f} ms in the middle; "
        f"{MOST_PAINT:.0f} is the limit of the best"
    )
    assert min(times) < MOST_PAINT


def mapped(browser: Browser, server: str) -> Iterator[str]:
    """A map of a thousand lines."""
    things = ("bread", "soup", "cake", "rice", "stocks", "bonds", "shares", "gold", "cats", "dogs")
    texts = [f"{number} words on {things[number % len(things)]}" for number in range(LINES)]
    with Visit(browser, f"{server}/predictions/bert/1.0") as visit:
        page = visit.open("embedding")
        page.get_by_label("inputs", exact=True).fill("\n".join(texts))
        begin = perf_counter()
        page.get_by_role("button", name="Ask").click()
        visit.answered()
        drawn = perf_counter() - begin
        assert page.locator(".map circle").count() == LINES
        page.locator("[aria-label=map] [aria-busy=false]").wait_for()
        refined = perf_counter() - begin
        begin = perf_counter()
        page.get_by_label("search by meaning").fill("baking")
        page.keyboard.press("Enter")
        page.get_by_role("list", name="nearest texts").wait_for()
        searched = perf_counter() - begin
        yield (
            f"map of {LINES} lines: {drawn:.1f} s with the answer; by t-SNE after {refined:.1f} s; "
            f"searched by meaning in {searched:.2f} s"
        )


def everything(browser: Browser, open_server: str, guarded: dict[str, tuple[str, str]], folder: Path) -> Iterator[str]:
    """All lines of the log."""
    yield f"python -m tests.browser --write; Chromium {browser.version}"
    yield from painted(browser, open_server)
    yield from drawn(browser, open_server, folder)
    yield from mapped(browser, open_server)
    yield from loaded(browser, open_server)
    for what, (address, key) in guarded.items():
        yield from locked(browser, what, address, key)
    yield from pictures.photograph(browser, open_server, folder)


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help=f"write {LOG.relative_to(ROOT)} and docs/images")
    arguments = parser.parse_args()
    lines: list[str] = []
    with tempfile.TemporaryDirectory(prefix="bert-browser-") as temporary:
        here = Path(temporary)
        with serving(folders(here), here) as command, chromium() as browser, guarding(command, here) as guarded:
            folder = pictures.FOLDER if arguments.write else here
            for line in everything(browser, command.url, guarded, folder):
                print(line, flush=True)
                lines.append(line)
    if arguments.write:
        LOG.parent.mkdir(exist_ok=True)
        LOG.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
