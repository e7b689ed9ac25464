"""A library's script, run against a server and compared check by check."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass, field
from time import monotonic

from tests.clients import environments
from tests.clients.comparing import difference
from tests.clients.libraries import Library
from tests.clients.references import INPUTS, References

LIMIT = 300.0  # seconds
QUIET = {
    "ANONYMIZED_TELEMETRY": "False",  # chromadb
    "DO_NOT_TRACK": "1",
    "HAYSTACK_TELEMETRY_ENABLED": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "LANGCHAIN_TRACING_V2": "false",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "NO_PROXY": "127.0.0.1",
}
"""Libraries are to talk to the server alone."""


@dataclass
class Row:
    """What came of one library.

    Attributes:
        library: which.
        checks: how many values it printed.
        wrong: what differs from its reference, or how the script ended.
        seconds: that the script took, without its installation.
    """

    library: Library
    checks: int = 0
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0


def run(library: Library, url: str, references: References) -> Row:
    """Install if need be, run, compare."""
    try:
        words = environments.command(library)
    except RuntimeError as error:
        return Row(library, wrong=[f"not installed: {last(str(error))}"])
    began = monotonic()
    try:
        result = subprocess.run(
            [*words, url, str(INPUTS)], env=os.environ | QUIET, capture_output=True, text=True, timeout=LIMIT
        )
    except subprocess.TimeoutExpired:
        return Row(library, wrong=[f"not done within {LIMIT:.0f} s"], seconds=LIMIT)
    row = Row(library, seconds=monotonic() - began)
    if result.returncode:
        row.wrong.append(last(result.stderr))
        return row
    compare(row, result.stdout, references)
    return row


def compare(row: Row, output: str, references: References) -> None:
    """The last line is JSON: values by the names of their checks."""
    try:
        values = json.loads(last(output))
    except ValueError:
        row.wrong.append(f"the last line is no JSON: {last(output)[:80]!r}")
        return
    row.checks = len(values)
    for check, got in values.items():
        try:
            differs = difference(got, references(row.library, check))
        except KeyError as error:
            differs = f"is no check: {error.args[0]}"
        if differs:
            row.wrong.append(f"{check} {differs}")
    if not values:
        row.wrong.append("no checks")


def last(text: str) -> str:
    """Line that is not blank."""
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""
