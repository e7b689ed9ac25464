"""What a file of vectors was made of, so that it is never continued with other texts.

`NAME.npy.made` is lines of JSON: first the model and the options, then `{"rows", "digest"}` after each block, a SHA-256
over all texts so far. Vectors are written first: a run that was cut off in between does a block again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any


class Digests:
    """The record beside a file of vectors.

    Args:
        file: of vectors; it need not be there.
        made: model, version and options that vectors depend on, as JSON has them.

    Raises:
        ValueError: the file was made with others.
    """

    def __init__(self, file: Path, made: Mapping[str, Any]) -> None:
        self.file, self.record = file, file.with_name(f"{file.name}.made")
        self.made = json.loads(json.dumps(made))
        self.hash = hashlib.sha256()
        self.ends: deque[str] = deque()
        self.known = [*self.read()]

    def read(self) -> Iterator[tuple[int, str]]:
        """Rows and digest after each block; a line that was cut off is none."""
        if not self.record.exists():
            return
        first, *lines = self.record.read_text().splitlines() or [""]
        try:
            made = json.loads(first)
        except ValueError:
            raise ValueError(
                f"{self.record} was cut off in its first line, and says no more what {self.file} was made with; "
                "choose another file, or delete both"
            ) from None
        other = [key for key in {**made, **self.made} if made.get(key) != self.made.get(key)]
        if other:
            differs = "; ".join(f"{key} {made.get(key)!r}, now {self.made.get(key)!r}" for key in other)
            raise ValueError(
                f"{self.file} was made with {differs}; choose another file, or delete it and {self.record}"
            )
        for line in lines:
            try:
                block = json.loads(line)
            except ValueError:
                return
            yield block["rows"], block["digest"]

    def resume(self, texts: Iterable[str], rows: int) -> tuple[Iterator[str], int]:
        """The texts that are left, and how many vectors are good.

        Args:
            texts: all of them, from the first.
            rows: whole vectors in the file.

        Raises:
            ValueError: the texts are not those of the file, or nothing is known of them.
        """
        if rows and not self.record.exists():
            raise ValueError(
                f"{self.file} has {rows} vectors, and no {self.record.name} says of which texts; "
                "choose another file, or delete it"
            )
        source, done = iter(texts), 0
        for count, digest in self.known:
            if count > rows:
                break
            taken = self.take(islice(source, count - done))
            if taken < count - done or self.hash.hexdigest() != digest:
                have = (
                    f"at least one of texts {done + 1} to {count} is another"
                    if taken == count - done
                    else f"{done + taken} texts"
                )
                raise ValueError(
                    f"{self.file} has the vectors of {rows} texts, and the given texts differ: {have}; "
                    f"choose another file, or delete it and {self.record}"
                )
            done = count
        kept = [json.dumps(self.made), *(json.dumps({"rows": n, "digest": d}) for n, d in self.known if n <= done)]
        part = self.record.with_name(f"{self.record.name}.part")
        with part.open("w") as stream:  # whole or not there, whenever the run is cut off
            stream.write("\n".join(kept) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(self.record)
        return source, done

    def take(self, texts: Iterable[str]) -> int:
        """Add texts to the digest; how many there were."""
        count = 0
        for text in texts:
            encoded = text.encode("utf-8", "surrogatepass")
            self.hash.update(len(encoded).to_bytes(8, "little") + encoded)
            count += 1
        return count

    def watch(self, texts: Iterable[str], batch: int) -> Iterator[str]:
        """The same texts, with a digest kept after each block of that many."""
        for number, text in enumerate(texts, 1):
            self.take([text])
            if number % batch == 0:
                self.ends.append(self.hash.hexdigest())
            yield text
        self.ends.append(self.hash.hexdigest())

    def note(self, rows: int) -> None:
        """A block more has been written: that many rows in all."""
        with self.record.open("a") as stream:
            stream.write(json.dumps({"rows": rows, "digest": self.ends.popleft()}) + "\n")
