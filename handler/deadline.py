"""How long the batch in hand may still take. TorchServe kills a worker that takes longer than `responseTimeout`."""

from __future__ import annotations

import math
from time import monotonic

from handler.errors import Overloaded


class Deadline:
    """One for each worker, set anew for each batch, looked at wherever much is computed."""

    def __init__(self) -> None:
        self.at = math.inf

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
