"""Arrays whose memory is used again: a page that is new costs a system microseconds."""

from __future__ import annotations

import math
import mmap
import weakref
from collections import defaultdict
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt

#: Bytes of an array that is large, and of the memory that is asked for at once for such.
LARGE = 2**17
AT_ONCE = 2**25
#: Steps between nothing and a power of two, of which a large array takes as many as it needs.
STEPS = 16


class Recycled:
    """Gives arrays; the memory of one comes back once nobody holds it or a view of it."""

    def __init__(self) -> None:
        self._free: defaultdict[int, list[memoryview]] = defaultdict(list)
        self._rest = memoryview(b"")

    def empty(self, shape: tuple[int, ...], kind: npt.DTypeLike = np.int64) -> npt.NDArray[Any]:
        """Make an array with anything in it."""
        kind = np.dtype(kind)
        count = math.prod(shape)
        # sizes are few, or memory of every length that ever came would be kept
        size = 1 << max(count * kind.itemsize - 1, 0).bit_length()
        if size > LARGE:
            # what lies behind an array takes room in a large page, so the steps are smaller
            step = size // STEPS
            size = -(-count * kind.itemsize // step) * step
        free = self._free[size]
        # another thread may let go of an array at any time, but only this one takes
        memory = free.pop() if free else self._new(size)
        # views of what lies in foreign memory keep that array alive, not the memory itself
        found = np.frombuffer(memory, dtype=kind, count=count)
        weakref.finalize(found, free.append, memory).atexit = False
        return found.reshape(shape)

    def _new(self, size: int) -> memoryview:
        """Memory that nobody had yet."""
        if size <= LARGE:
            return np.empty(size, dtype=np.uint8).data
        if size > len(self._rest):
            self._rest = _in_large_pages(max(size, AT_ONCE))
        found, self._rest = self._rest[:size], self._rest[size:]
        return found


def _in_large_pages(size: int) -> memoryview:
    """Memory in pages of megabytes, where a system has such: they come ten times as fast."""
    if not hasattr(mmap, "MADV_HUGEPAGE"):
        return np.empty(size, dtype=np.uint8).data
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with suppress(OSError):
        # a system may be built without them
        memory.madvise(mmap.MADV_HUGEPAGE)
    return memoryview(memory)
