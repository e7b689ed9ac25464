"""The pages of `docs/integrations`: what is read of them, and that their last run was of all of them."""

import re

from scripts.paths import ROOT
from tests.clients.libraries import Library
from tests.integrations import pages, table

PINNED = {"python": re.compile(r"[\w.-]+(\[\w+\])?==[\d.]+"), "javascript": re.compile(r"(@[\w-]+/)?[\w-]+@[\d.]+")}


def test_every_page_installs_pinned_packages_for_the_languages_of_its_blocks():
    found = pages.find()
    assert len(found) > 10
    for page in found:
        for language in {language for language, _ in page.blocks} - {"sh"}:
            assert page.installed[language], page.name
            assert all(PINNED[language].fullmatch(pin) for pin in page.installed[language]), page.name
        assert {*page.installed} <= {language for language, _ in page.blocks}


def test_the_index_has_every_page():
    index = (pages.FOLDER / "README.md").read_text()
    for file in pages.FOLDER.glob("*.md"):
        assert file.name == "README.md" or f"]({file.name})" in index, file.name


def test_every_block_passed_as_it_stands_with_the_packages_that_its_page_names():
    rows = [row for row in table.FILE.read_text().splitlines() if row.startswith("| [")]
    expected = [
        (page.name, f"| {language} | {', '.join(page.installed.get(language, ()))} | `{pages.digest(text)}` | passed |")
        for page in pages.find()
        for language, text in page.blocks
    ]
    for row, (page, words) in zip(rows, expected, strict=True):
        assert f"| [{page}]" in row, page
        assert words in row, f"python -m tests.integrations --write: a block of {page} was not run as it stands"


def test_a_block_is_written_with_the_servers_address_and_run_in_its_pages_environment(tmp_path):
    file = tmp_path / "page.md"
    file.write_text(
        "```text\npip install one==1.0 two==2.0\nnpm install @a/b@3.0\n```\n```json\n{}\n```\n"
        "```python\nurl = 'http://localhost:8080/x'\n```\n```javascript\nlet a;\n```\n```sh\ntrue\n```\n"
    )
    (python, own), (javascript, other), (shell, script) = pages.read(file).scripts(tmp_path, "http://127.0.0.1:1")
    assert (python, javascript, shell) == ("python", "javascript", "sh")
    assert isinstance(own, Library)
    assert (own.name, own.pins) == ("python/docs-page", ("one==1.0", "two==2.0"))
    assert own.script.read_text() == "url = 'http://127.0.0.1:1/x'\n"
    manifest = other.script.with_name("package.json").read_text()
    assert '"dependencies": {"@a/b": "3.0"}' in manifest
    assert script.read_text() == "true\n"
    assert ROOT not in own.script.parents
