"""Which failures are worth another try, and the wait before it.

Every task is a question, so it is safe to ask again. Lost connections and overload are tried again until tries run out,
or the caller's timeout has passed since the first failure; the default number spans a minute, in which a server that
was killed is started again and loads its model, on a busy machine too. A model that is not there is waited for only
where it has answered before, since the server is restarting and the name is right, or where another server may have it.
A wrong address, such as a host name that does not resolve, is tried as long then, as names of containers come and go
with them, and else for seconds. A try that took all its time is the last. Where there are several servers, another one
is asked at once, and waits begin when none is left.
"""

from __future__ import annotations

from time import monotonic

from bert_client.errors import BertError, Overloaded, TimedOut, UnknownModel, Unreachable, WrongAddress

RETRIES = 24
FIRST_WAIT = 0.1  # seconds, doubled each time
LONGEST_WAIT = 3.0
SHORTEST_TRY = 0.1
WRONG_SECONDS = 3.0
"""For an address that was never right: name servers, too, fail for a moment."""
LONGEST_ASKED = 60.0  # seconds of a `retry-after` that are waited


class Tries:
    """Those of one call.

    Args:
        retries: further tries after the first.
        answered: whether the model has answered before.
        timeout: seconds for one try, and for all further ones together.
    """

    def __init__(self, retries: int, answered: bool, timeout: float) -> None:
        self.left = retries
        self.answered = answered
        self.timeout = timeout
        self.known = answered
        self.failed: float | None = None
        self.next_wait = FIRST_WAIT

    @property
    def seconds(self) -> float:
        """What the next try may take."""
        return self.timeout if self.failed is None else max(SHORTEST_TRY, self.failed + self.timeout - monotonic())

    def next_delay(self, failure: BertError, elsewhere: bool = False, undecided: bool = False) -> float:
        """Seconds until the next try.

        Args:
            failure: how the last one ended.
            elsewhere: whether another server can be asked at once; there is no wait then.
            undecided: whether another server may have a model that this one does not have.

        Raises:
            BertError: the failure, where there is no further try.
        """
        if self.left < 1 or not self.repeatable(failure, undecided):
            raise failure
        self.left -= 1
        wait = max(self.next_wait, min(failure.retry_after or 0, LONGEST_ASKED))
        self.known = self.known or not isinstance(failure, WrongAddress)
        now = monotonic()
        if self.failed is None:
            self.failed = now
        if elsewhere and now < self.failed + self.timeout:
            return 0.0
        if now + wait > self.failed + (self.timeout if self.known else min(self.timeout, WRONG_SECONDS)):
            raise failure
        self.next_wait = min(2 * self.next_wait, LONGEST_WAIT)
        return wait

    def repeatable(self, failure: BertError, undecided: bool) -> bool:
        """Whether the same request may get another answer."""
        if isinstance(failure, TimedOut):
            return False
        if isinstance(failure, UnknownModel):
            return self.answered or undecided
        return isinstance(failure, Overloaded | Unreachable)
