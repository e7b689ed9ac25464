"""Sequences that need not run: equal ones of a batch run once, and what was read of earlier ones may be kept."""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Callable, Sequence

import numpy as np

from handler.device import Reading
from handler.errors import BertError
from handler.types import Encoding, Output

Readings = Sequence[Reading | None]
Found = Output | BertError
Compute = Callable[[Sequence[Encoding], Readings], Sequence[Found]]
Key = tuple[bytes, Reading | None]
"""Token ids and types and how many are attended and left out, all that a runtime and pooling look at, and what a task
reads of the outputs."""

OVERHEAD = 344
"""Bytes of an entry beside its key's and its arrays' content: `tracemalloc` on CPython 3.11 with NumPy 2."""


class OutputCache:
    """Outputs by sequence and reading, up to a number of bytes; those that were asked for longest ago go first.

    It is exact: an output is the one that the runtime gave for the same tokens. A task whose reading is pooled on the
    way costs one vector per sequence; any other the states of all tokens.

    Args:
        capacity: bytes; 0 keeps nothing, and equal sequences of one batch still run once.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.size = 0
        self.entries: OrderedDict[Key, Output] = OrderedDict()
        self.counts = {"hits": 0, "misses": 0, "stored_bytes": 0, "evicted_bytes": 0}

    def outputs(
        self, encodings: Sequence[Encoding], readings: Readings, compute: Compute
    ) -> tuple[list[Found], list[bool]]:
        """The output of each sequence, and whether it did not have to run: it was kept, or an earlier one is equal.

        Args:
            encodings: the sequences.
            readings: what will be looked at of the output of each.
            compute: runs sequences that are all different; an error in the place of each that failed is not kept.
        """
        keys = sequence_keys(encodings, readings)
        known: dict[Key, Found] = {}
        missing: dict[Key, int] = {}
        for position, key in enumerate(keys):
            if key not in known and key not in missing:
                kept = self.find(key)
                if kept is None:
                    missing[key] = position
                else:
                    known[key] = kept
        positions = [*missing.values()]
        computed = compute([encodings[place] for place in positions], [readings[place] for place in positions])
        for key, output in zip(missing, computed, strict=True):
            known[key] = output
            self.keep(key, output)
        ran = set(positions)
        self.counts["hits"] += len(keys) - len(ran)
        self.counts["misses"] += len(ran)
        return [known[key] for key in keys], [place not in ran for place in range(len(keys))]

    def find(self, key: Key) -> Output | None:
        """What was kept, which from now on is the last to go."""
        output = self.entries.get(key)
        if output is not None:
            self.entries.move_to_end(key)
        return output

    def keep(self, key: Key, output: Found) -> None:
        """Keep an output, unless it is an error or larger than all there may be; one on a device is not looked at."""
        if not self.capacity or isinstance(output, BertError) or entry_size(key, output) > self.capacity:
            return
        self.entries[key] = output.owned()
        self.size += entry_size(key, output)
        self.counts["stored_bytes"] += entry_size(key, output)
        while self.size > self.capacity:
            oldest = entry_size(*self.entries.popitem(last=False))
            self.size -= oldest
            self.counts["evicted_bytes"] += oldest

    def take_counts(self) -> dict[str, int]:
        """What happened since the last time."""
        counts, self.counts = self.counts, dict.fromkeys(self.counts, 0)
        return counts


def sequence_keys(encodings: Sequence[Encoding], readings: Readings) -> list[Key]:
    """The key of each; equal texts of a request are one object, whose content is read once."""
    contents: dict[int, bytes] = {}
    for encoding in encodings:
        if id(encoding) not in contents:
            usual = encoding.attended is None and not encoding.unpooled
            further = [] if usual else [-1 if encoding.attended is None else encoding.attended, encoding.unpooled]
            contents[id(encoding)] = array("i", encoding.ids + encoding.type_ids + further).tobytes()
    return [(contents[id(encoding)], reading) for encoding, reading in zip(encodings, readings, strict=True)]


def entry_size(key: Key, output: Output) -> int:
    """Bytes of an entry, about."""
    arrays = (output.hidden, output.pooled)
    return OVERHEAD + len(key[0]) + sum(each.nbytes for each in arrays if isinstance(each, np.ndarray))
