"""The tree of files in `ARCHITECTURE.md`, each with the first sentence that it says of itself."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

from scripts.paths import ROOT
from scripts.reference.markdown import block

FILE = ROOT / "ARCHITECTURE.md"
BEGIN, END = "<!-- tree, by `python -m scripts.reference` -->\n", "\n<!-- end of tree -->"
HOUSES = ("handler", "scripts", "client", "ui", "config", "benchmarks", "tests")
FOLDERS = {
    "client": "the Python client, a package of its own: `pip install ./client`",
    "ui": "the page that an archive serves at `ui`; `npm run build` writes it to `handler/page/index.html`",
    "ui/src/looks": "style sheets",
    "ui/src/parts": "what several tasks are drawn with",
    "ui/src/tasks": "how each task is shown, and examples of it",
    "ui/src/maths": "what the page computes of an answer",
    "config": "settings of TorchServe and of presets",
    "config/prometheus": "what Prometheus asks, and its alert rules; the dashboard beside it is JSON",
    "config/kubernetes": "templates of what `bert kubernetes` prints, and overlays for its options",
    "config/models": "one preset per file: where a model comes from",
    "benchmarks/peers/servers": "servers of others, one folder each",
}
"""What folders without an `__init__.py` are for, or with one that says less."""
CODE = {".py", ".c", ".h", ".ts", ".tsx", ".css", ".yaml", ".properties", ".xml", ""}
SKIPPED = (
    "ui/node_modules",
    "tests/data",
    "benchmarks/results",
    "benchmarks/peers/servers/",
    "tests/unit/",
    "tests/parity/",
    "tests/e2e/",
)
"""Data, and files whose names say what they test or measure."""
WIDTH, LONGEST = 26, 110


def tree() -> str:
    """`ARCHITECTURE.md` with the tree in its place."""
    text = FILE.read_text()
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}{block(chr(10).join(lines()), 'text')}{END}{after}"


def lines() -> Iterator[str]:
    """A line per folder and file, indented by depth, a folder's own files first."""
    for house in HOUSES:
        yield from folder(ROOT / house, 0)


def folder(path: Path, depth: int) -> Iterator[str]:
    """A folder and what is in it."""
    name = str(path.relative_to(ROOT))
    package = path / "__init__.py"
    yield line(f"{path.name}/", FOLDERS.get(name) or (summary(package) if package.exists() else ""), depth)
    inside = sorted(path.iterdir(), key=lambda each: (each.is_dir(), each.name))
    for each in inside:
        relative = str(each.relative_to(ROOT))
        if each.name.startswith((".", "__")) or relative.startswith(SKIPPED):
            continue
        if each.is_dir():
            if any(child.suffix in CODE and child.is_file() for child in each.rglob("*")):
                yield from folder(each, depth + 1)
        elif each.suffix in CODE:
            yield line(each.name, summary(each), depth + 1)


def line(name: str, what: str, depth: int) -> str:
    """A name and what it is, in columns."""
    return f"{'  ' * depth}{name:<{max(WIDTH - 2 * depth, 0)}} {what}".rstrip()


def summary(file: Path) -> str:
    """The first sentence of a file's docstring or first comment."""
    text = file.read_text()
    if file.suffix == ".py":
        said = ast.get_docstring(ast.parse(text)) or ""
    else:
        comment = r"/\*(.*?)\*/|<!--(.*?)-->|((?:^#(?!!).*\n)+)"
        found = re.search(comment, text, re.DOTALL | re.MULTILINE)
        said = next(filter(None, found.groups())) if found else ""
        said = re.sub(r"^[ ]?[*#] ?", "", said, flags=re.MULTILINE)
    paragraph = " ".join(said.strip().split("\n\n")[0].split())
    sentence = re.split(r"(?<=[.]) ", paragraph)[0].rstrip(".")
    return textwrap.shorten(sentence, LONGEST, placeholder=" ...")
