"""Documents made from the code are what the code makes now, and nothing public lacks its line."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
import typer.main
import yaml

from handler import histograms, pipeline
from handler.config import HandlerConfig, ModelConfig
from handler.errors import BertError, ConfigError
from handler.protocols import PREFIXES, kserve, page, ui
from handler.tasks import TASKS
from handler.telemetry import StageTimer
from scripts.cli import VERBS, app
from scripts.paths import ROOT
from scripts.reference import environment, errors, metrics, pages, properties
from scripts.reference.markdown import COMMAND, NOTICE

HANDLER = sorted((ROOT / "handler").rglob("*.py"))
CODE = [*HANDLER, *sorted((ROOT / "scripts").rglob("*.py"))]
COMMANDS = typer.main.get_command(app).commands


def text(name):
    return (pages.FOLDER / f"{name}.md").read_text()


def section(whole, heading):
    """From a heading to the next one of its kind, or of one above."""
    _, found, rest = whole.partition(f"\n{heading}\n")
    assert found, f"no heading {heading!r}"
    return re.split(rf"^#{{1,{heading.index(' ')}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def lines(markdown):
    """First cell -> the others, of all tables; code and links without their signs."""
    found = {}
    for line in markdown.splitlines():
        if line.startswith("| ") and not line.startswith("| ---"):
            first, *others = (each.strip() for each in re.split(r"(?<!\\)\|", line)[1:-1])
            for name in re.findall(r"`([^`]+)`", first) or [first]:
                found[name] = others
    return found


def test_first_cells_name_the_lines():
    assert lines("| a | b |\n| --- | --- |\n| `-x`, `-y` | c \\| d |\n") == {
        "a": ["b"],
        "-x": ["c \\| d"],
        "-y": ["c \\| d"],
    }
    assert section("\n## a\n1\n### b\n2\n## c\n3\n", "## a") == "1\n### b\n2\n"


@pytest.mark.parametrize("file", pages.PAGES, ids=lambda file: file.name)
def test_each_is_what_the_code_makes_now(file):
    assert file.exists(), f"{COMMAND} writes it"
    assert file.read_text() == pages.PAGES[file](), f"{COMMAND} writes it anew"


def test_every_page_says_that_it_is_generated_and_none_is_left_over():
    files = set(pages.FOLDER.glob("*.md"))
    assert files == {file for file in pages.PAGES if file.parent == pages.FOLDER}
    assert all(file.read_text().startswith(NOTICE + "\n") for file in files)


def test_check_passes_whatever_the_terminal_and_the_environment():
    other = {
        "COLUMNS": "30",
        "FORCE_COLOR": "1",
        "BERT_INFERENCE_PORT": "9",
        "BERT_MODEL_STORE": "/x",
        "BERT_KEYS": "/y",
    }
    command = [sys.executable, "-m", "scripts.reference", "--check"]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **other}, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_check_names_what_is_stale(tmp_path, monkeypatch):
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    monkeypatch.setattr(pages, "FOLDER", tmp_path / "new")
    monkeypatch.setattr(pages, "PAGES", {tmp_path / "a.md": lambda: "a", tmp_path / "b.md": lambda: "b"})
    pages.write()
    assert pages.stale() == []
    (tmp_path / "a.md").write_text("old")
    (tmp_path / "b.md").unlink()
    assert pages.stale() == ["a.md", "b.md"]


@pytest.mark.parametrize("verb", [verb.__name__ for verb in VERBS])
def test_every_verb_and_each_of_its_options_has_a_line(verb):
    whole = text("cli")
    assert lines(whole)[verb][0].endswith(".")
    found = lines(section(whole, f"### {verb}"))
    for parameter in COMMANDS[verb].params:
        names = [parameter.name.upper()] if parameter.param_type_name == "argument" else parameter.opts
        for name in ["/".join([each, *parameter.secondary_opts]) for each in names]:
            kind, default, meaning, variable = found[name]
            assert kind, name
            assert meaning, name
            assert (default == "required") == parameter.required, name
            assert variable == (f"`{parameter.envvar}`" if parameter.envvar else ""), name
            if isinstance(parameter.default, str | float) and not isinstance(parameter.default, bool | Path):
                assert (
                    default == f"`{parameter.default}`"
                    or f"[default: {default}]" in parameter.help
                    or not parameter.default
                ), name


@pytest.mark.parametrize(("struct", "prefix"), [(HandlerConfig, "handler."), (ModelConfig, "")])
def test_every_setting_has_a_line(struct, prefix):
    found = lines(section(text("settings"), "## Archive"))
    for name in struct.__struct_fields__:
        if name != "handler":
            kind, _, meaning = found[f"{prefix}{name}"]
            assert kind, name
            assert meaning, name


def test_every_key_of_config_properties_has_a_line():
    found = lines(section(text("settings"), "## TorchServe's configuration"))
    file = (ROOT / "config" / "config.properties").read_text()
    keys = re.findall(r"^([a-z_]+)=", file, re.MULTILINE)
    assert set(properties.MEANINGS) == set(keys)
    assert all(found[key][1] for key in keys)
    for comment in re.findall(r"^# (.*)", file.split("\n\n", 1)[1], re.MULTILINE):
        assert comment in text("settings")


def variables(source):
    """Environment variables that Python code names: ours, those of options, and those it looks up."""
    found = set(re.findall(r"""["'](BERT_[A-Z_]+)["']""", source))
    found |= set(re.findall(r'environ(?:\.\w+\(|\[)"([A-Z_]+)"', source))
    found |= set(re.findall(r'"([A-Z_]+)" (?:not )?in os\.environ', source))
    return found | set(re.findall(r'envvar="([A-Z_]+)"', source))


def test_every_environment_variable_has_a_line():
    setup = (ROOT / "scripts" / "setup").read_text() + (ROOT / "scripts" / "torch-build").read_text()
    shell = set(re.findall(r"\$\{(BERT_\w+|PYTHON)\b", setup))
    used = (shell | {"TMPDIR"}).union(
        *(variables(file.read_text()) for file in CODE if file.parent.name != "reference")
    )
    assert shell == {"PYTHON", "BERT_TORCH"}
    named = set(re.findall(r'"(OTEL_[A-Z_]+)"', " ".join(file.read_text() for file in HANDLER)))
    assert "OTEL_SDK_DISABLED" in named
    assert named <= set(environment.TRACING)
    assert used - named == set(environment.ENVIRONMENT) | set(environment.INTERNAL)
    used |= named
    found = lines(section(text("settings"), "## Environment variables"))
    assert all(found[name][0] for name in used)


def histogram(name):
    """The histogram that a counter is a part of; None for another metric."""
    found = re.fullmatch(r"(bert_\w+)_(?:bucket|sum|count)", name)
    return found[1] if found else None


def test_every_metric_has_a_line():
    declared = yaml.safe_load((ROOT / "config" / "metrics.yaml").read_text())
    entries = [entry for kind in ("ts_metrics", "model_metrics") for each in declared[kind].values() for entry in each]
    found, names = lines(text("metrics")), {entry["name"] for entry in entries}
    for entry in entries:
        kind, labels, unit, meaning = found[histogram(entry["name"]) or entry["name"]]
        assert all(f"`{label}`" in labels for label in entry["dimensions"])
        assert kind == ("histogram" if histogram(entry["name"]) else "counter" if kind == "counter" else "gauge")
        assert unit
        assert meaning
    code = "".join((ROOT / "handler" / name).read_text() for name in ("telemetry.py", "bert_handler.py"))
    counted = set(re.findall(r'"(bert_[a-z_]+)"', code))
    assert len(counted) == 8
    assert counted <= names
    made = {each.name for each in vars(histograms).values() if isinstance(each, histograms.Histogram)}
    assert made == {histogram(name) for name in names} - {None}
    assert {f"{name}{end}" for name in made for end in ("_bucket", "_sum", "_count")} <= names
    assert set(metrics.MEANINGS) == {histogram(name) or name for name in names}
    asked = set(re.findall(r"\b(?:bert|ts)_\w+", " ".join(metrics.QUERIES.values())))
    assert asked
    assert asked <= names


def read_and_written(source):
    """Headers in Python code: looked up in `headers`, stored there, or named `x-...`; docstrings are left out."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "get"
            and node.args
        ):
            owner, key = node.func.value, node.args[0]
        elif isinstance(node, ast.Subscript):
            owner, key = node.value, node.slice
        else:
            owner, key = None, node
        named = ast.unparse(owner).split(".")[-1] in ("headers", "body") if owner else False
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            shaped = re.fullmatch(r"[a-z][a-z_-]+" if named else r"x-[a-z-]+", key.value)
            found |= {key.value} if shaped else set()
    return found


def test_headers_are_found_in_code():
    source = 'a.headers.get("p", "")\nheaders["q"] = 1\nheaders.get("rr")\nd = {"x-s": f(), "t": 1}\nother.get("u")'
    assert read_and_written(source.replace('"p"', '"pp"').replace('"q"', '"qq"')) == {"pp", "qq", "rr", "x-s"}


def test_every_header_has_a_line():
    used = set().union(*(read_and_written(file.read_text()) for file in HANDLER)) - {"body", "data"}
    used |= {
        kserve.HEADER,
        *page.HEADERS,
        *ui.headers(ui.content()),
        *StageTimer().headers(),
        *(name for each in pipeline.ERROR_HEADERS.values() for name in each),
    }
    assert {"x-tokens", "x-truncated", "x-lengths", "authorization", "accept", "retry-after", "url_path"} <= used
    found = lines(text("headers"))
    assert all(found[name][0] for name in sorted(used))


def test_every_error_has_a_line():
    found = lines(text("errors").partition("## Envelopes")[0])
    kinds = {kind for kind in (BertError, *BertError.__subclasses__()) if kind.__module__ == "handler.errors"}
    for kind in kinds - {ConfigError}:
        named, when, action = found[str(kind.status)]
        assert named == f"`{kind.error_type}`"
        assert when, kind
        assert action, kind
    assert "`ConfigError`" in text("errors")


@pytest.mark.parametrize("protocol", PREFIXES.values(), ids=lambda protocol: type(protocol).__name__)
def test_every_envelope_is_shown(protocol):
    for error in errors.SAMPLES:
        assert errors.ID.sub("...", protocol.encode_error(error).decode()) in text("errors")


@pytest.mark.parametrize("name", TASKS)
def test_every_task_and_each_of_its_keys_has_a_line(name):
    what, _ = lines(section(text("tasks"), "# Tasks"))[name]
    assert what
    whole = section(text("tasks"), f"## {name}")
    found = lines(whole)
    for field in msgspec.structs.fields(TASKS[name].request):
        kind, default, meaning = found[field.name]
        assert kind, field.name
        assert meaning, field.name
        assert (default == "required") == field.required
    assert whole.partition("Response:")[2].strip("`\n tex")
