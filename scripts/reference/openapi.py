"""Writes `openapi.json`, the document of an archive that can do everything: `python -m scripts.reference.openapi`."""

from __future__ import annotations

import json

from handler.protocols import DOCUMENTED
from handler.protocols.openapi import document
from handler.tasks import TASKS
from scripts.paths import ROOT

FILE = ROOT / "openapi.json"


def whole() -> str:
    """Of all tasks at once, which no single archive can do."""
    return json.dumps(document("bert", "1.0", TASKS, DOCUMENTED), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(whole())
