"""`openapi.json`: the document of an archive that can do everything."""

from __future__ import annotations

import json

from handler.protocols import DOCUMENTED, STATUSES
from handler.protocols.openapi import document
from handler.tasks import TASKS
from scripts.paths import ROOT

FILE = ROOT / "openapi.json"


def full_document() -> str:
    """Of all tasks at once, which no single archive can do."""
    forms = {path: route.forms for path, route in DOCUMENTED.items()}
    return json.dumps(document("bert", "1.0", TASKS, forms, STATUSES), indent=1, ensure_ascii=False) + "\n"
