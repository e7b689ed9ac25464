"""What a request can be refused for, and the HTTP status it gets.

BertError                  500  a fault of ours; the text never holds the cause, the log does
├── Undecodable            400  not UTF-8, not JSON, JSON sent as a form
├── Unauthorized           401  the server requires an API key
├── UnknownTask            404  the archive cannot do that
├── NotAcceptable          406  the answer has no such form
├── TooLarge               413  too many texts, too long a text, too big an answer, too much for one batch
├── Invalid                422  decodable, but wrong
├── Overloaded             503  the batch ran out of time or memory
├── TimedOut               504  the client waits no longer
└── ConfigError             -   raised while a worker starts; no request ever sees it

Messages name what clashed, with the numbers, and the key that fixes it. They are sent to the client that caused
them and are never logged, since they may quote its input.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import ClassVar

QUOTED = 60  # characters of a client's own word that an error repeats


class BertError(Exception):
    """An internal error; its cause is in the worker's log only.

    The base class of all errors of a reply.
    """

    status: ClassVar[int] = 500
    error_type: ClassVar[str] = "internal"


class Undecodable(BertError):
    """The body cannot be decoded: it is not UTF-8, not JSON, or JSON that was sent as a form."""

    status = 400
    error_type = "undecodable"


class Unauthorized(BertError):
    """The server asks for an API key, and the request has none or an unknown one."""

    status = 401
    error_type = "unauthorized"


class UnknownTask(BertError):
    """The archive has no such task or route, or lacks the head that the task needs."""

    status = 404
    error_type = "unknown_task"


class NotAcceptable(BertError):
    """The task cannot answer in the media type that the request accepts."""

    status = 406
    error_type = "not_acceptable"


class TooLarge(BertError):
    """The request exceeds a limit: number or length of texts, size of the response, or compute time of a batch."""

    status = 413
    error_type = "too_large"


class Invalid(BertError):
    """The body can be decoded but is not valid: an unknown key, a wrong type, an empty text."""

    status = 422
    error_type = "invalid"


class Empty(Invalid):
    """There is no text, or one without any word."""


class Overloaded(BertError):
    """The batch ran out of time or memory; the request can be retried."""

    status = 503
    error_type = "overloaded"


class TimedOut(BertError):
    """The time that the request gives in `x-request-timeout-ms` has passed."""

    status = 504
    error_type = "timed_out"


class ConfigError(BertError):
    """The worker cannot run with this `model-config.yaml`."""

    error_type = "config"


def exhausted(error: Exception) -> bool:
    """Whether an error is for lack of memory, on a host or a device; cuBLAS and CUDA have no type for all of theirs."""
    signs = ("out of memory", "ALLOC_FAILED", "can't allocate memory")
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and any(map(str(error).count, signs)))


def quote(word: str) -> str:
    """The word in quotes, cut to `QUOTED` characters."""
    return repr(word if len(word) <= QUOTED else word[:QUOTED] + "...")


def unknown(kind: str, word: str, known: Iterable[str]) -> str:
    """Text for an unknown name: `unknown key 'poling'; did you mean 'pooling'? Known: ...`."""
    names = sorted(known)
    near = get_close_matches(word[:QUOTED], names, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    return f"unknown {kind} {quote(word)}{hint} Known: {', '.join(names)}"
