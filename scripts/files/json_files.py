"""JSON files of a checkpoint folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from scripts.console import Failure


def load_json(file: Path) -> Any:
    """Read a JSON file.

    Raises:
        Failure: it is missing or does not decode.
    """
    try:
        return json.loads(file.read_text())
    except FileNotFoundError:
        raise Failure(f"{file.parent} has no {file.name}", fix="name a folder saved with save_pretrained") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise Failure(f"{file} is not JSON: {error}") from None


def load_if_there(file: Path) -> dict[str, Any]:
    """A JSON file that a folder need not have."""
    content: dict[str, Any] = load_json(file) if file.exists() else {}
    return content
