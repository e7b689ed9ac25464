"""Which failures are worth another try, and the wait before it.

Every task is a question, so it is safe to ask again. Lost connections and overload are tried again until tries run out;
the default number spans half a minute, in which TorchServe starts and loads a model. A model that is not there is
waited for only where it has answered before: the server is restarting, and the name is right.
"""

from __future__ import annotations

from bert_client.errors import BertError, Overloaded, TimedOut, UnknownModel, Unreachable

RETRIES = 14
FIRST_WAIT = 0.1  # seconds, doubled each time
LONGEST_WAIT = 3.0
LONGEST_ASKED = 60.0  # seconds of a `retry-after` that are waited
LATE = 2  # further tries after one that took all its time, which is no restart


class Tries:
    """Those of one call.

    Args:
        retries: further tries after the first.
        answered: whether the model has answered before.
    """

    def __init__(self, retries: int, answered: bool) -> None:
        self.left = retries
        self.answered = answered
        self.next_wait = FIRST_WAIT

    def next_delay(self, failure: BertError) -> float:
        """Seconds until the next try.

        Raises:
            BertError: the failure, where there is no further try.
        """
        if isinstance(failure, TimedOut):
            self.left = min(self.left, LATE)
        if self.left < 1 or not self.repeatable(failure):
            raise failure
        self.left -= 1
        wait = max(self.next_wait, min(failure.retry_after or 0, LONGEST_ASKED))
        self.next_wait = min(2 * self.next_wait, LONGEST_WAIT)
        return wait

    def repeatable(self, failure: BertError) -> bool:
        """Whether the same request may get another answer."""
        return isinstance(failure, Overloaded | Unreachable) or (self.answered and isinstance(failure, UnknownModel))
