"""Files of their user alone, written whole: who reads one meanwhile sees what was there, or what comes."""

from __future__ import annotations

from pathlib import Path


def write(file: Path, content: bytes) -> None:
    """All of it in one step.

    Raises:
        OSError: it cannot be written; what was there before stays.
    """
    part = file.with_name(f".{file.name}")
    part.touch(0o600)
    part.write_bytes(content)
    part.replace(file)
