"""Arrays whose memory is used again: a page that is new costs a system microseconds."""

from __future__ import annotations

import math
import weakref
from collections import defaultdict
from typing import Any

import numpy as np
import numpy.typing as npt


class Recycled:
    """Gives arrays; the memory of one comes back once nobody holds it or a view of it."""

    def __init__(self) -> None:
        self._free: defaultdict[int, list[memoryview]] = defaultdict(list)

    def empty(self, shape: tuple[int, ...], kind: npt.DTypeLike = np.int64) -> npt.NDArray[Any]:
        """Make an array with anything in it."""
        kind = np.dtype(kind)
        count = math.prod(shape)
        # sizes are few, or memory of every length that ever came would be kept; what lies behind
        # an array is never touched, so no system has to find it
        size = 1 << max(count * kind.itemsize - 1, 0).bit_length()
        free = self._free[size]
        # another thread may let go of an array at any time, but only this one takes
        memory = free.pop() if free else np.empty(size, dtype=np.uint8).data
        # views of what lies in foreign memory keep that array alive, not the memory itself
        found = np.frombuffer(memory, dtype=kind, count=count)
        weakref.finalize(found, free.append, memory).atexit = False
        return found.reshape(shape)
