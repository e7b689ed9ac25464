"""What the documents say of keys, verbs, tasks and dependencies is what the code has."""

import re
from pathlib import Path

import pytest

from handler.config import HandlerConfig, ModelConfig, describe
from handler.tasks import TASKS
from scripts.cli import VERBS
from scripts.sources.presets import presets

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize(("kind", "prefix"), [(HandlerConfig, "handler."), (ModelConfig, "")])
def test_every_key_is_in_the_table(kind, prefix):
    for key, description in describe(kind).items():
        assert re.search(rf"^\| `{prefix}{key}` \| .* \| {re.escape(description)} \|$", README, re.MULTILINE), key


def test_every_task_verb_and_preset_is_named():
    for task in TASKS:
        assert f"| `{task}` |" in README
    for verb in VERBS:
        assert re.search(rf"^\| `{verb.__name__}\b", README, re.MULTILINE), verb.__name__
    for name in presets():
        assert f"`{name}`" in README


def test_every_dependency_is_pinned_and_has_its_reason():
    reasons = (ROOT / "ARCHITECTURE.md").read_text()
    for file in ("requirements.txt", "requirements-dev.txt"):
        for line in (ROOT / file).read_text().splitlines():
            if line and not line.startswith("#"):
                name, version = re.sub(r"\[.*\]", "", line).split("==")
                assert version
                assert f"`{name}`" in reasons, name
