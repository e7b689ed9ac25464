"""The runner of `tests/clients`: what it reads of a script, what it finds wrong, and the table it writes."""

import json
import sys

import pytest

from tests.clients import environments, libraries, running, table
from tests.clients.comparing import difference
from tests.clients.references import INPUTS, References

SCRIPT = """'''`Client`: both of
its calls.

More.
'''

# /// script
# dependencies = ["some==1.0", "other==2"]
# [tool.client]
# address = ".../v1"
# ///

import json
import sys

url, inputs = sys.argv[1], json.load(open(sys.argv[2]))
"""


@pytest.fixture
def ran(tmp_path, monkeypatch):
    """The row of a script that goes on with these lines."""

    def run(lines):
        file = tmp_path / "some.py"
        file.write_text(SCRIPT + lines)
        library = libraries.python(file)
        monkeypatch.setattr(environments, "command", lambda _: [sys.executable, str(file)])
        references = References({})
        references.known["scores"] = [0.5, 0.25]
        return running.run(library, "http://127.0.0.1:1", references)

    return run


def test_what_a_script_says_of_itself(ran):
    row = ran("print(json.dumps({'scores': [0.5, 0.250001], 'models': ['bert'] if inputs['texts'] else url}))")
    assert (row.wrong, row.checks) == ([], 2)
    assert table.cells(row)[:4] == ("some 1.0, other 2", "`Client`: both of its calls.", ".../v1", "2 of 2")


@pytest.mark.parametrize(
    ("lines", "wrong"),
    [
        ("print('{\"scores\": [0.5, 0.26]}')", "scores [1]: 0.26, not 0.25"),
        ("print('{\"scores (async)\": [0.5]}')", "scores (async) [0.5], not [0.5, 0.25]"),
        ("print('{\"score\": 1}')", "score is no check: there are embeddings"),
        ('print(\'{"unknown model": "E"}\')', "unknown model 'E', not 'an entry in"),
        ("print('{}')", "no checks"),
        ("print('Hello')", "no JSON: 'Hello'"),
        ("raise ValueError('such an answer')", "ValueError: such an answer"),
    ],
)
def test_what_is_wrong_is_in_its_row(ran, lines, wrong):
    row = ran(lines)
    assert wrong in row.wrong[0]
    assert table.cells(row)[3].startswith("WRONG: ")


@pytest.mark.parametrize(
    ("got", "want"),
    [
        ([1.0], [1.0001]),
        ([1.0], [1.0, 2.0]),
        ({"a": 1.0}, {"b": 1.0}),
        ("a", "b"),
        (None, 1.0),
        (float("nan"), 1.0),
        ([[1.0], [2.0]], [[2.0], [1.0]]),
    ],
)
def test_values_that_differ(got, want):
    assert difference(got, want)
    assert difference(want, want) is None


def test_the_table_is_put_where_it_belongs(ran, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n\n{table.BEGIN}| old |\n\nafter\n")
    rows = [ran("print('{\"scores\": [0.5, 0.25]}')")]
    for _ in range(2):
        table.write(rows, page)
        assert page.read_text() == f"before\n\n{table.BEGIN}{table.markdown(rows)}\nafter\n"
    page.write_text("no mark")
    with pytest.raises(ValueError, match=r"page\.md has 0 lines"):
        table.write(rows, page)


def test_every_library_is_pinned_and_in_the_page_with_its_version():
    text = table.PAGE.read_text()
    for library in libraries.find():
        assert all("==" in pin for pin in library.pins), library.name
        assert library.calls
        assert f"\n| {table.title(library)} | {library.calls} | {library.address} |" in text, library.name


def test_inputs_hold_what_is_hard():
    texts = json.loads(INPUTS.read_text())["texts"]
    assert any("\n" in text for text in texts)
    assert not all(text.isascii() for text in texts)
