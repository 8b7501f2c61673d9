"""Shuffle and deflate chunks as HDF5's own filters do, so that any reader inflates them.

Where isal is installed (the extra ``fast``) it deflates several times faster than zlib. Bytes that
no deflating makes shorter, as those of arrival times, are not given to it: a stream of zlib may be
put together from parts.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt

from qnetsim.compiling import compiled
from qnetsim.trace.hdf5 import splitting

try:
    from isal import isal_zlib as library
except ImportError:
    import zlib as library  # type: ignore[no-redef]

#: Chunks after which it is looked anew which bytes deflating makes shorter.
LOOK_EVERY = 16
#: Bytes of a part that are tried then.
TRIED = 2**12
#: Share of its bytes that must be left over for a part to be kept as it is.
KEPT = 0.9

# of the formats of zlib and deflate: the beginning of a stream of level 1, a block that is kept
# as it is with its size and the complement of that, and the most bytes of one
HEAD = b"\x78\x01"
STORED = struct.Struct("<BHH")
MOST_STORED = 0xFFFF
# two sums modulo the base, at the stream's end
CHECK = struct.Struct(">HH")
CHECK_BASE = 65521

Bytes = npt.NDArray[np.uint8]


class Packer:
    """Shuffles and deflates, chunk after chunk, in one piece of memory; for one thread.

    Parameters
    ----------
    fast : bool
        Split whole numbers into their bytes by compiled code, which needs numba.
    """

    def __init__(self, *, fast: bool = False) -> None:
        self._splitting = compiled(splitting) if fast else None
        if self._splitting:
            # compiled here, where a signal stops it, and not in the thread that writes
            self._splitting.split(np.zeros(2, np.uint32), np.zeros((8, 1), np.uint8), 1)
        self._memory = np.empty(0, np.uint8)
        self._deflate = library.compressobj(1, 8, -15)

    def shuffle(self, chunk: npt.NDArray[Any], expected: int = 0) -> Bytes:
        """First bytes of all numbers, then second bytes, and so on; shape (used, numbers).

        All other bytes are zeros. The next call takes the memory back.

        Parameters
        ----------
        chunk : ndarray
        expected : int
            Bytes that are used, as far as one can tell; zero where nothing tells.
        """
        size = used = chunk.itemsize
        numbers = chunk.reshape(-1)
        if self._memory.size < chunk.nbytes:
            self._memory = np.empty(chunk.nbytes, np.uint8)
        planes = self._memory[: chunk.nbytes].reshape(size, numbers.size)
        if numbers.dtype.kind not in "iu":
            split = numbers.astype(numbers.dtype.newbyteorder("<"), copy=False).view(np.uint8)
            np.copyto(planes, split.reshape(-1, size).T)
            return planes
        if fast := self._split(numbers, planes, expected):
            return planes[:fast]
        found = int(np.bitwise_or.reduce(numbers))
        if found >= 0:
            used = (found.bit_length() + 7) // 8
        if 1 < used <= size // 2:
            # half as much to go through for every byte
            numbers = numbers.astype(np.uint16 if used == 2 else np.uint32)
        for byte in range(used):
            # casts are faster than copies of every eighth byte
            np.copyto(planes[byte], numbers >> 8 * byte if byte else numbers, casting="unsafe")
        return planes[:used]

    def _split(self, numbers: npt.NDArray[Any], planes: Bytes, expected: int) -> int:
        """Write the rows of bytes by compiled code; returns how many, zero where it cannot."""
        if self._splitting is None or not 0 < expected <= splitting.MOST_BYTES:
            return 0
        # for arrays that cannot be written to it would be compiled once more
        if numbers.itemsize != 8 or sys.byteorder == "big" or not numbers.flags.writeable:
            return 0
        used: int = self._splitting.split(numbers.view(np.uint32), planes, expected)
        return used if used <= expected else 0

    def stream(self, planes: Bytes, zeros: int, kept: Sequence[bool]) -> bytes:
        """A stream of zlib over these bytes and so many zeros; some rows are kept as they are."""
        parts: list[Any] = [HEAD]
        first = 0
        for as_it_is, rows in groupby(kept[: len(planes)]):
            end = first + sum(1 for _ in rows)
            data = planes[first:end].reshape(-1)
            if as_it_is:
                parts.extend(_stored(data))
            else:
                # a full flush forgets what was before
                parts.append(self._deflate.compress(data))
                parts.append(self._deflate.flush(library.Z_FULL_FLUSH))
            first = end
        parts.append(_last_zeros(zeros))
        check = library.adler32(planes)
        low, high = check & 0xFFFF, check >> 16
        # each zero adds the lower half to the upper one
        parts.append(CHECK.pack((high + zeros * low) % CHECK_BASE, low))
        return b"".join(parts)


class Packing:
    """Packs the chunks of one column.

    Parameters
    ----------
    packer : Packer
    """

    def __init__(self, packer: Packer) -> None:
        self._packer = packer
        self._kept: list[bool] = []
        self._used = 0

    def pack(self, chunk: npt.NDArray[Any], number: int) -> bytes:
        """Pack a chunk of the column's block of this number."""
        planes = self._packer.shuffle(chunk, self._used)
        self._used = len(planes)
        zeros = chunk.nbytes - planes.size
        if number % LOOK_EVERY and self._kept:
            return self._packer.stream(planes, zeros, self._kept)
        self._kept = [False] * chunk.itemsize
        packed = self._packer.stream(planes, zeros, self._kept)
        if len(packed) > KEPT * chunk.size:
            for byte, part in enumerate(planes):
                tried = part[:TRIED]
                self._kept[byte] = len(library.compress(tried, 1)) > KEPT * tried.size
        return packed


@lru_cache
def _last_zeros(count: int) -> bytes:
    """The end of a stream that goes on with so many zeros."""
    return library.compress(bytes(count), 1, -15)


def _stored(data: Bytes) -> list[Any]:
    """Bytes as they are, as blocks of a stream that goes on behind them."""
    blocks = [data[at : at + MOST_STORED] for at in range(0, len(data), MOST_STORED)]
    heads = [STORED.pack(0, len(block), len(block) ^ 0xFFFF) for block in blocks]
    return [part for pair in zip(heads, blocks, strict=True) for part in pair]
