"""What the documents say is true of the code: tasks, presets, dependencies, links."""

import re
from pathlib import Path

import pytest

from handler.tasks import TASKS
from scripts.sources.presets import presets

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "ARCHITECTURE.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    ROOT / "benchmarks" / "README.md",
]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def anchors(page):
    """Ids that GitHub gives the headings of a page."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    found = [line.lstrip("#").strip().lower() for line in text.splitlines() if line.startswith("#")]
    return {re.sub(r"[^\w\- ]", "", re.sub(r"[`*]", "", title)).replace(" ", "-") for title in found}


def broken(page):
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for link in LINK.findall(text):
        if not link.startswith(("http:", "https:", "mailto:")):
            path, _, anchor = link.partition("#")
            target = page.parent / path if path else page
            if not target.exists() or (anchor and anchor not in anchors(target)):
                yield link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    assert not list(broken(page))


def test_a_broken_link_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# A title\n\n[good](#a-title) [bad](#another) [gone](none.md)\n")
    assert list(broken(page)) == ["#another", "none.md"]


def test_the_readme_is_short_and_the_index_has_every_page():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 130
    index = (ROOT / "docs" / "README.md").read_text()
    for page in (ROOT / "docs").rglob("*.md"):
        assert page.name == "README.md" or f"({page.relative_to(ROOT / 'docs')})" in index, page


def test_every_task_and_preset_is_explained():
    tasks, readme = (ROOT / "docs" / "tasks.md").read_text(), (ROOT / "README.md").read_text()
    for task in TASKS:
        assert f"\n## {task}\n" in tasks or f"`{task}` is the reverse" in tasks, task
        assert f"[`{task}`](docs/tasks.md#" in readme, task
    for name in presets():
        assert f"`{name}`" in (ROOT / "docs" / "models.md").read_text()


def test_every_dependency_is_pinned_and_has_its_reason():
    reasons = (ROOT / "ARCHITECTURE.md").read_text()
    for file in ("requirements.txt", *(f"requirements-{extra}.txt" for extra in ("dev", "otel", "docs", "browser"))):
        for line in (ROOT / file).read_text().splitlines():
            if line and not line.startswith("#"):
                name, version = re.sub(r"\[.*\]", "", line).split("==")
                assert re.fullmatch(r"[\d.]+", version), line
                assert f"`{name}`" in reasons, name
