"""How many chunks of the world are served in one interval, where nobody decides between them."""

from __future__ import annotations

import time

#: Bytes of all rows of an interval, and chunks in it: its slots reach the writer together.
MOST_BYTES = 2**24
MOST_CHUNKS = 8
#: Seconds a chunk from which on it is not worth it: what is saved is half a millisecond.
MOST_S = 0.004
#: Chunks that are handed on for each that is added: what a killed process loses is part of a run.
DONE_CHUNKS = 4


class ChunksAtOnce:
    """Lets intervals grow, as far as memory, time and what may be lost allow.

    Parameters
    ----------
    joins : bool
        Whether intervals of several chunks are wanted at all.
    """

    def __init__(self, joins: bool) -> None:
        self._joins = joins
        self._chunks = 0
        self._most = 1
        self._started = 0.0

    @property
    def count(self) -> int:
        """Most chunks of the next interval."""
        return min(self._most, 1 + self._chunks // DONE_CHUNKS) if self._joins else 1

    def begin(self) -> None:
        """Begin an interval."""
        self._started = time.perf_counter()

    def end(self, chunks: int, chunk_bytes: int) -> None:
        """End an interval of so many chunks, of so many bytes each."""
        self._chunks += chunks
        slow = time.perf_counter() - self._started > chunks * MOST_S
        fit = min(MOST_BYTES // max(chunk_bytes, 1), MOST_CHUNKS)
        self._most = 1 if slow else max(fit, 1)
