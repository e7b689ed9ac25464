"""What a client raises: one class per `error_type` that the server answers with, and those for no answer at all.

BertError                  500  a fault of the server, or an answer that says no type
├── Undecodable            400  the body cannot be decoded
├── Unauthorized           401  no key, or a wrong one; 400 from a TorchServe with its own token
├── UnknownTask            404  the model cannot do that
│   └── UnknownModel       404  the server has no such model or version
├── NotAcceptable          406  the answer has no such form
├── TooLarge               413  more than the server's limits allow
├── Invalid                422  decodable, but wrong
├── Unexpected              -   an answer that is none of the server's, such as a proxy's page
├── Overloaded             503  not computed in time, a full queue, or a worker that died
└── Unreachable             -   no answer
    ├── TimedOut           504  none within the time for one try
    └── WrongAddress        -   the host name does not resolve, or no such server is there
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from bert_client.calls import Answer


class BertError(Exception):
    """Base of all errors.

    Args:
        message: the status and the server's own words.
        retry_after: seconds the server asks to wait before another try, None where it does not say.

    Attributes:
        answer: the response that says so, None where there was none.
    """

    status: ClassVar[int] = 500
    error_type: ClassVar[str] = "internal"

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.answer: Answer | None = None


class Undecodable(BertError):
    """The body cannot be decoded."""

    status = 400
    error_type = "undecodable"


class Unauthorized(BertError):
    """No key, or one that is not known."""

    status = 401
    error_type = "unauthorized"


class UnknownTask(BertError):
    """The model has no such task."""

    status = 404
    error_type = "unknown_task"


class UnknownModel(UnknownTask):
    """The server has no such model or version: TorchServe's own answer."""


class NotAcceptable(BertError):
    """The task's answer cannot have the form the client accepts."""

    status = 406
    error_type = "not_acceptable"


class TooLarge(BertError):
    """More than the server's limits allow."""

    status = 413
    error_type = "too_large"


class Invalid(BertError):
    """A request that decodes but asks for something impossible."""

    status = 422
    error_type = "invalid"


class Unexpected(BertError):
    """An answer that is none of the server's: a proxy's page or redirection, or what the method cannot read."""


class Overloaded(BertError):
    """Not computed for lack of time, room or a worker; safe to send again."""

    status = 503
    error_type = "overloaded"


class Unreachable(BertError):
    """No answer: no connection, or one that broke."""

    error_type = "unreachable"


class TimedOut(Unreachable):
    """No answer within the time for one try."""

    status = 504
    error_type = "timed_out"


class WrongAddress(Unreachable):
    """The host name does not resolve, the certificate is not its own, or what listens there does not speak TLS."""


ANSWERED: dict[str, type[BertError]] = {
    kind.error_type: kind
    for kind in (
        BertError,
        Undecodable,
        Unauthorized,
        UnknownTask,
        NotAcceptable,
        TooLarge,
        Invalid,
        Overloaded,
        TimedOut,
    )
}
"""By the `error_type` of an answer."""


@contextmanager
def located(first: int, count: int) -> Iterator[None]:
    """Errors of a request that is part of a longer job say which of its texts were in the request.

    Args:
        first: texts before it.
        count: texts in it.
    """
    try:
        yield
    except BertError as error:
        place = f"texts {first + 1} to {first + count}"
        placed = type(error)(f"{place}: {error}", error.retry_after)
        placed.answer = error.answer
        raise placed from error
