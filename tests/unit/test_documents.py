"""What the documents say of verbs, tasks and dependencies is what the code has; `test_reference.py` has the rest."""

import re
from pathlib import Path

from handler.tasks import TASKS
from scripts.cli import VERBS
from scripts.sources.presets import presets

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


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
