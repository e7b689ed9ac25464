"""Where things are kept, relative to the project's own folder."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / "config"
PRESETS = CONFIG / "models"
HANDLER = ROOT / "handler"
MODEL_STORE = ROOT / "model_store"
CACHE = ROOT / ".cache"
CHECKPOINTS = CACHE / "checkpoints"
RUNS = Path(os.environ.get("BERT_RUNS", ROOT / ".run")).resolve()
"""One folder per running server; `BERT_RUNS` moves them, which tests do."""
