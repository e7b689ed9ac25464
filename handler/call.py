"""The values that travel through the pipeline: `Row` in, `Call` along the way, `Reply` out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from logging import getLogger
from traceback import format_tb
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from handler.config import Truncation
from handler.errors import BertError, Overloaded, exhausted

log = getLogger(__name__)

Text = str | tuple[str, str] | list[int]
"""What can be encoded: one text, a pair of texts, or token ids."""


@dataclass(frozen=True, slots=True)
class Row:
    """One request as it came off the wire.

    Attributes:
        fields: `{"body": bytes}`, or the parts of a form.
        headers: request headers, names in lower case.
        content_type: media type of the body, without its parameters; empty when the client named none.
        path: what follows `/predictions/{model}/{version}/`, without slashes at its ends.
        trusted: whether the server itself asks, which has no key.
    """

    fields: Mapping[str, bytes | bytearray]
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = ""
    path: str = ""
    trusted: bool = False


@dataclass(slots=True)  # one per text: a frozen one takes three times as long to make
class Encoding:
    """One sequence for the model; a long text under the `windows` policy has several.

    Attributes:
        ids: `(tokens,)` token ids, special tokens included.
        type_ids: `(tokens,)` 0 for the first text of a pair, 1 for the second.
        special: `(tokens,)` 1 where the tokenizer added the token.
        offsets: `(tokens, 2)` start and stop character in the text; `(0, 0)` for special tokens. Like `words`, only
            for tasks that ask for places.
        words: `(tokens,)` number of the word each token is of.
        first: of a window, how many of the text's tokens come before it; of a pair, of the second text's.
    """

    ids: list[int]
    type_ids: list[int]
    special: list[int]
    offsets: list[tuple[int, int]] = field(default_factory=list)
    words: list[int | None] = field(default_factory=list)
    first: int = 0

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def bodies(self) -> list[range]:
        """Places of the tokens that are text: one run for a text, two for a pair."""
        runs = (list(run) for special, run in groupby(range(len(self)), self.special.__getitem__) if not special)
        return [range(run[0], run[-1] + 1) for run in runs]


@dataclass(frozen=True, slots=True)
class Output:
    """What the model says about one `Encoding`.

    Attributes:
        hidden: `(tokens, hidden)` float32, the last hidden state.
        pooled: `(hidden,)` float32, the pooler's output; None where the checkpoint has no pooler.
    """

    hidden: NDArray[np.float32]
    pooled: NDArray[np.float32] | None

    def __len__(self) -> int:
        return len(self.hidden)

    def settle(self, reading: Any) -> Output:
        """Say which `Reading` of it will be looked at and nothing else, or None; what has to be kept for it."""
        return self if reading is None else reading.kept(self)


@dataclass(frozen=True, slots=True)
class Reduced(Output):
    """What a reading needs of an output; the states of 2,048 long texts would take a gigabyte.

    Attributes:
        length: tokens of the sequence.
        reading: the only one that may look at it.
    """

    length: int
    reading: Any

    def __len__(self) -> int:
        return self.length


class AnyRequest(Protocol):
    """What the flow has to know of a task's request; see `handler.tasks.base.TextRequest`."""

    @property
    def truncation(self) -> Truncation | None:
        """What to do with a text longer than the model; None for the archive's own."""


class AnyTask(Protocol):
    """What the flow has to know of a task; see `handler.tasks.base.Task`."""

    name: ClassVar[str]
    truncates: ClassVar[bool]
    forward: ClassVar[bool]
    takes_text: ClassVar[bool]
    needs_offsets: ClassVar[bool]
    truncation: ClassVar[Truncation]
    archive: Any

    def texts(self, request: Any) -> list[Text]: ...  # noqa: D102 - said there
    def reading(self, request: Any) -> Any: ...  # noqa: D102
    def overlap(self, request: Any) -> int: ...  # noqa: D102
    def admit(self, tokens: int, binary: bool) -> None: ...  # noqa: D102
    def finish(self, call: Call) -> None: ...  # noqa: D102


class AnyProtocol(Protocol):
    """What the flow has to know of a protocol; see `handler.protocols.base.Protocol`."""

    def decode(self, row: Row, tasks: Mapping[str, Any], default: str) -> Any: ...  # noqa: D102 - said there
    def binary(self, call: Call) -> bool: ...  # noqa: D102
    def encode(self, call: Call) -> Any: ...  # noqa: D102
    def encode_error(self, error: BertError) -> bytes: ...  # noqa: D102


@dataclass(slots=True)
class Call:
    """One request on its way; an error stops this one and no other.

    `wire` is what the protocol keeps for its answer. `encodings` and `outputs` hold, for each of `texts`, one entry per
    window.
    """

    row: Row
    protocol: AnyProtocol
    task: AnyTask | None = None
    request: AnyRequest | None = None
    wire: Any = None
    texts: list[Text] = field(default_factory=list)
    encodings: list[list[Encoding]] = field(default_factory=list)
    outputs: list[list[Output]] = field(default_factory=list)
    answer: Any = None
    tokens: int = 0
    truncated: int = 0
    error: BertError | None = None

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
            self.error = bare(error)
        except Exception as error:
            self.error = internal(error)


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer, ready for the wire."""

    status: int
    content_type: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


def bare(error: BertError) -> BertError:
    """The error without tracebacks.

    Their frames hold the call, which holds the error: its body would stay in memory until Python looks for such cycles,
    and it looks when there are many, not when they are large.
    """
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def internal(error: Exception) -> BertError:
    """Log where an unexpected error came from, without its message, which may quote a client's text.

    A device or a host without memory is no fault of the request's: others hold it, and it may be sent again.
    """
    log.error("%s\n%s", type(error).__name__, "".join(format_tb(error.__traceback__)))
    if exhausted(error):
        return Overloaded("there is not enough memory for this now; send fewer or shorter texts, or send it again")
    return BertError("the server failed on this request; its log names the place")


def pending(calls: Iterable[Call]) -> list[Call]:
    """The calls no step has failed for."""
    return [call for call in calls if call.error is None]
