"""`Call`: one request on its way through the pipeline, and what a step that fails leaves in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from logging import getLogger
from math import inf
from time import monotonic
from traceback import format_tb
from typing import Any, ClassVar, Protocol

from handler.config import Truncation
from handler.errors import BertError, Overloaded, exhausted
from handler.types import Encoding, Output, Row, Text

log = getLogger(__name__)


class AnyRequest(Protocol):
    """What the flow has to know of a task's request; see `handler.tasks.base.TextRequest`."""

    @property
    def truncation(self) -> Truncation | None:
        """What to do with a text longer than the model; None for the archive's own."""


class AnyTask(Protocol):
    """What the flow has to know of a task; see `handler.tasks.base.Task`."""

    name: ClassVar[str]
    forward: ClassVar[bool]
    takes_text: ClassVar[bool]
    needs_offsets: ClassVar[bool]
    truncation: ClassVar[Truncation]
    pairs: ClassVar[Any]
    model: Any

    def texts(self, request: Any) -> list[Text]: ...  # noqa: D102 - said there
    def runs(self, request: Any) -> bool: ...  # noqa: D102
    def longest(self, request: Any, most: int) -> int: ...  # noqa: D102
    def place(self, request: Any, index: int, total: int) -> str: ...  # noqa: D102
    def reading(self, request: Any) -> Any: ...  # noqa: D102
    def overlap(self, request: Any) -> int: ...  # noqa: D102
    def fit(self, request: Any, index: int, windows: Any, policy: str) -> Any: ...  # noqa: D102
    def check_size(self, tokens: int, binary: bool) -> None: ...  # noqa: D102
    def finish(self, call: Call) -> None: ...  # noqa: D102


class AnyProtocol(Protocol):
    """What the flow has to know of a protocol; see `handler.protocols.base.Protocol`."""

    def decode(self, row: Row, tasks: Mapping[str, Any], default: str) -> Any: ...  # noqa: D102 - said there
    def binary(self, call: Call) -> bool: ...  # noqa: D102
    def encode(self, call: Call) -> Any: ...  # noqa: D102
    def encode_error(self, error: BertError) -> bytes: ...  # noqa: D102
    def status(self, error: BertError) -> int: ...  # noqa: D102


@dataclass(slots=True)
class Call:
    """One request on its way; an error stops this one and no other.

    `protocol_state` is what the protocol keeps for its answer, and `ignored` are keys it did not read. `encodings` and
    `outputs` hold, for each of `texts`, one entry per window; `cached` counts those that did not have to
    run; None for a worker that keeps none. `until` is how long its client waits, by `monotonic`.
    """

    row: Row
    protocol: AnyProtocol
    task: AnyTask | None = None
    request: AnyRequest | None = None
    protocol_state: Any = None
    ignored: frozenset[str] = frozenset()
    texts: list[Text] = field(default_factory=list)
    encodings: list[list[Encoding]] = field(default_factory=list)
    outputs: list[list[Output]] = field(default_factory=list)
    answer: Any = None
    tokens: int = 0
    truncated: int = 0
    cached: int | None = None
    error: BertError | None = None
    until: float = inf

    @property
    def expired(self) -> bool:
        """Whether its client waits no longer."""
        return monotonic() > self.until

    @property
    def reading(self) -> Any:
        """What its task will look at of the outputs; see `Task.reading`."""
        assert self.task is not None
        return self.task.reading(self.request)

    @property
    def sequences(self) -> int:
        """How many the model reads: all windows of all texts."""
        return sum(map(len, self.encodings))

    def attempt(self, step: Callable[[Call], None]) -> None:
        """Run one step, unless an earlier one failed; keep its error in the call.

        An error that is no `BertError` is a fault of ours: the log gets the traceback, whose lines are our code and
        never the client's text, and the client gets a plain 500.
        """
        if self.error is not None:
            return
        try:
            step(self)
        except BertError as error:
            self.error = without_traceback(error)
        except Exception as error:
            self.error = log_internal_error(error, self.row.identity)


def without_traceback(error: BertError) -> BertError:
    """The error without tracebacks.

    Their frames hold the call, which holds the error: its body would stay in memory until Python looks for such cycles,
    and it looks when there are many, not when they are large.
    """
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def log_internal_error(error: Exception, request: str = "") -> BertError:
    """Log where an unexpected error came from, without its message, which may quote a client's text.

    A device or a host without memory is no fault of the request's: others hold it, and it may be sent again.
    """
    place = f" in request {request}" if request else ""
    log.error("%s%s\n%s", type(error).__name__, place, "".join(format_tb(error.__traceback__)))
    if exhausted(error):
        return Overloaded("there is not enough memory for this now; send fewer or shorter texts, or send it again")
    return BertError("the server failed on this request; its log names the place")


def pending(calls: Iterable[Call]) -> list[Call]:
    """The calls no step has failed for, and whose clients still wait."""
    return [call for call in calls if call.error is None and not call.expired]
