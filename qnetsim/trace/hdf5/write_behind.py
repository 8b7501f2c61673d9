"""Write behind the simulation: a thread takes what has come so far and writes it in one go."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Generic, Self, TypeVar

from qnetsim.trace.hdf5.chunks import BLOCKS_OF_LONG

Item = TypeVar("Item")

#: Bytes that may wait to be written or be in writing; one item always may. What waits for long is
#: no longer in any cache, and its memory has to come from the system.
MOST_BYTES = 2**25
#: Most items of one block that share the cost of a flush, and how long is waited for them at most.
ITEMS_AT_ONCE = 8
PATIENCE_S = 0.1
#: Items of one block that share a chunk of a file.
GROUP = BLOCKS_OF_LONG
#: Items that are safe for each that is written beyond one: a failing write costs a part of a run.
SAFE_ITEMS = 4


class WriteBehind(Generic[Item]):
    """Hands items to a thread, in order. Use as a context manager; leaving it waits for all.

    Compression, digests and the disk take their time while the simulation goes on. The thread
    takes several items at once, no more than a quarter of those that are safe, and one; where items
    are slow to come, one does not wait for the others.

    Parameters
    ----------
    write : callable
        Writes a list of items. What it raises is raised again by ``put`` or on leaving; items
        that wait then are dropped.
    size : callable
        Bytes of an item.
    blocks : int
        Blocks of slots that an item is made of; a power of two.
    """

    def __init__(
        self, write: Callable[[list[Item]], None], size: Callable[[Item], int], blocks: int = 1
    ) -> None:
        self._write = write
        self._size = size
        self._most = max(ITEMS_AT_ONCE // blocks, 1)
        self._group = max(GROUP // blocks, 1)
        self._change = threading.Condition()
        self._waiting: list[Item] = []
        self._bytes = 0
        self._written = 0
        self._closing = False
        self._crowded = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="trace writer")

    def put(self, item: Item) -> None:
        """Hand over an item; waits while too much is on its way."""
        size = self._size(item)
        with self._change:
            if not self._has_room(size):
                self._crowded = True
                self._change.notify_all()
                self._change.wait_for(lambda: self._error or self._has_room(size))
                self._crowded = False
            if self._error:
                raise self._error
            self._waiting.append(item)
            self._bytes += size
            if len(self._waiting) == 1 or self._enough():
                self._change.notify_all()

    def _has_room(self, size: int) -> bool:
        return not self._bytes or self._bytes + size <= MOST_BYTES

    def _enough(self) -> bool:
        return self._closing or self._crowded or len(self._waiting) >= self._at_once

    @property
    def _at_once(self) -> int:
        """Items that the next write takes at most: it ends where a group does, if it can."""
        most = min(self._most, 1 + self._written // SAFE_ITEMS)
        begun = (self._written + most) % self._group
        return most - begun if begun < most else most

    def _work(self) -> None:
        try:
            while self._write_next():
                pass
        except BaseException as error:  # noqa: BLE001, raised again where the simulation is
            with self._change:
                self._error = error
                self._change.notify_all()

    def _write_next(self) -> bool:
        """Write what the next write takes; returns whether anything can follow."""
        with self._change:
            self._change.wait_for(lambda: self._waiting or self._closing)
            self._change.wait_for(self._enough, PATIENCE_S)
            count = self._at_once
            batch, self._waiting = self._waiting[:count], self._waiting[count:]
        if not batch:
            return False
        self._write(batch)
        with self._change:
            self._bytes -= sum(map(self._size, batch))
            self._written += len(batch)
            self._change.notify_all()
        return True

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._change:
            self._closing = True
            self._change.notify_all()
        try:
            self._thread.join()
        except BaseException:
            # a second signal: the file must not be closed under the thread that writes it
            self._thread.join()
            raise
        if self._error and error is None:
            raise self._error
