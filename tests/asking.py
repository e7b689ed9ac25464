"""Asking a worker's pipeline, and comparing its answers with a reference's."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pytest

from handler.types import Row


def ask(pipeline: Any, *bodies: dict[str, Any], path: str = "", status: int = 200) -> Any:
    """Answers of requests that run in one batch."""
    replies = pipeline.answer([Row({"body": orjson.dumps(body)}, {}, "application/json", path) for body in bodies])
    assert {reply.status for reply in replies} == {status}, [reply.body for reply in replies]
    answers = [orjson.loads(reply.body) for reply in replies]
    return answers[0] if len(answers) == 1 else answers


def check(got: Any, want: Any) -> None:
    """Strings, offsets and structure alike, numbers within 1e-5."""
    if isinstance(want, dict):
        assert got.keys() == want.keys()
        for key in want:
            check(got[key], want[key])
    elif isinstance(want, list | tuple):
        assert len(got) == len(want), (got, want)
        for ours, theirs in zip(got, want, strict=True):
            check(ours, theirs)
    elif isinstance(want, float | np.floating):
        assert got == pytest.approx(float(want), abs=1e-5)
    else:
        assert got == want
