"""Python's garbage collector kept from stopping a load in the middle."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def none_for_what_is_there() -> Iterator[None]:
    """Collections leave out all objects that there are now, until the end.

    A full one looks at some hundred thousand objects of imported modules. Meanwhile, for a third of a second, no
    request is sent and no answer is read, which would be measured as the server's latency.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
