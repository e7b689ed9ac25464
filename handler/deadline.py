"""How long the batch in hand may still take. TorchServe kills a worker that takes longer than `responseTimeout`."""

from __future__ import annotations

import math
from collections.abc import Callable
from time import monotonic

from handler.errors import Overloaded, TooLarge


class Deadline:
    """One for each worker, set anew for each batch, looked at wherever much is computed."""

    def __init__(self) -> None:
        self.at = math.inf

    def sub_deadline(self, part: float) -> Callable[[], None]:
        """A check for a request that may take only that part of what is left, since others are in its batch."""
        seconds = part * (self.at - monotonic())
        until = monotonic() + seconds

        def check() -> None:
            self.check()
            if monotonic() > until:
                raise TooLarge(
                    f"this takes more than the {seconds:.0f} s that one request may; send fewer texts at once"
                )

        return check

    @property
    def passed(self) -> bool:
        """Whether time is up."""
        return monotonic() > self.at

    def check(self) -> None:
        """Stop a request that would take the others' time, too.

        Raises:
            Overloaded: time is up.
        """
        if self.passed:
            raise Overloaded(
                "not finished within the time a batch may take; send fewer texts at once, or send it again"
            )
