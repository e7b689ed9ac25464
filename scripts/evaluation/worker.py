"""The process of an archive: opens it with the code that it carries, and answers lines of JSON; see `process`.

    PYTHONPATH=ARCHIVE python -P worker.py ARCHIVE

A line in is `{"task", "requests", "silent"}`, a line out `{"answers", "seconds"}` or `{"error"}`. The first line out is
what the archive says of itself. What libraries print goes to stderr.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from time import perf_counter
from typing import IO, Any

import orjson


def main(path: str) -> None:
    """Answer until there is no further line."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        from handler import open_archive
    except ImportError:
        return send(replies, {"error": "it was packed before archives could be opened without a server; pack it again"})
    from handler.errors import ConfigError

    try:
        archive = open_archive(path)
    except ConfigError as error:
        return send(replies, {"error": str(error)})
    send(replies, archive.info())
    for line in sys.stdin.buffer:
        send(replies, answered(archive, orjson.loads(line)))
    return None


def answered(archive: Any, message: Mapping[str, Any]) -> dict[str, Any]:
    """The answers to all of its requests, which are computed together, or the first error."""
    begin = perf_counter()
    answers = archive.answers(message["task"], message["requests"])
    seconds = perf_counter() - begin
    wrong = [answer for answer in answers if isinstance(answer, Exception)]
    if wrong:
        return {"error": str(wrong[0])}
    return {"answers": [] if message["silent"] else answers, "seconds": seconds}


def send(replies: IO[bytes], value: Any) -> None:
    """Write a line."""
    replies.write(orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY) + b"\n")
    replies.flush()


if __name__ == "__main__":
    main(sys.argv[1])
