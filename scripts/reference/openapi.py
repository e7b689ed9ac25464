"""`openapi.json`: the document of an archive that can do everything."""

from __future__ import annotations

import json

from handler.protocols import DOCUMENT
from handler.protocols.operations import Archive
from handler.tasks import TASKS
from handler.tasks.embedding import Embedding
from scripts.paths import ROOT

FILE = ROOT / "openapi.json"
FULL = Archive("bert", "1.0", TASKS, Embedding.name)
"""All tasks at once, which no single archive can do."""


def full_document() -> str:
    """Of `FULL`."""
    return json.dumps(DOCUMENT.document(FULL), indent=1, ensure_ascii=False) + "\n"
