"""Shuffle and deflate chunks as HDF5's own filters do, so that any reader inflates them.

Where isal is installed (the extra ``fast``) it deflates several times faster than zlib. Bytes that
no deflating makes shorter, as those of arrival times, are not given to it: a stream of zlib may be
put together from parts.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt

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
# as it is with its size and the complement of that, the most bytes of one, and an empty last one
HEAD = b"\x78\x01"
STORED = struct.Struct("<BHH")
MOST_STORED = 0xFFFF
END = STORED.pack(1, 0, 0xFFFF)

Bytes = npt.NDArray[np.uint8]


class Packer:
    """Shuffles and deflates, chunk after chunk, in one piece of memory; for one thread."""

    def __init__(self) -> None:
        self._memory = np.empty(0, np.uint8)
        self._deflate = library.compressobj(1, 8, -15)

    def shuffle(self, chunk: npt.NDArray[Any]) -> tuple[Bytes, int]:
        """First bytes of all numbers, then second bytes, and so on; shape (itemsize, numbers).

        And how many of these rows may hold something else than zeros. The next call takes the
        memory back.
        """
        size = used = chunk.itemsize
        numbers = chunk.reshape(-1)
        if self._memory.size < chunk.nbytes:
            self._memory = np.empty(chunk.nbytes, np.uint8)
        planes = self._memory[: chunk.nbytes].reshape(size, numbers.size)
        if numbers.dtype.kind not in "iu":
            split = numbers.astype(numbers.dtype.newbyteorder("<"), copy=False).view(np.uint8)
            np.copyto(planes, split.reshape(-1, size).T)
            return planes, size
        found = int(np.bitwise_or.reduce(numbers))
        if found >= 0:
            used = (found.bit_length() + 7) // 8
        if 1 < used <= size // 2:
            # half as much to go through for every byte
            numbers = numbers.astype(np.uint16 if used == 2 else np.uint32)
        for byte in range(used):
            # casts are faster than copies of every eighth byte
            np.copyto(planes[byte], numbers >> 8 * byte if byte else numbers, casting="unsafe")
        planes[used:] = 0
        return planes, used

    def stream(self, planes: Bytes, kept: Sequence[bool]) -> bytes:
        """A stream of zlib over these bytes; some of the rows are kept as they are."""
        if not any(kept):
            return library.compress(planes, 1)
        parts: list[Any] = [HEAD]
        first = 0
        for as_it_is, numbers in groupby(kept):
            end = first + sum(1 for _ in numbers)
            data = planes[first:end].reshape(-1)
            if as_it_is:
                parts.extend(_stored(data))
            elif end < len(planes):
                # a full flush forgets what was before
                parts.append(self._deflate.compress(data))
                parts.append(self._deflate.flush(library.Z_FULL_FLUSH))
            first = end
        parts.append(END if kept[-1] else library.compress(data, 1, -15))
        parts.append(struct.pack(">I", library.adler32(planes)))
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

    def pack(self, chunk: npt.NDArray[Any], number: int) -> bytes:
        """Pack a chunk of the column's block of this number."""
        planes, used = self._packer.shuffle(chunk)
        if number % LOOK_EVERY and self._kept:
            return self._packer.stream(planes, self._kept)
        packed = library.compress(planes, 1)
        self._kept = [False] * len(planes)
        if len(packed) > KEPT * chunk.size:
            for byte, part in enumerate(planes[:used]):
                tried = part[:TRIED]
                self._kept[byte] = len(library.compress(tried, 1)) > KEPT * tried.size
        return packed


def _stored(data: Bytes) -> list[Any]:
    """Bytes as they are, as blocks of a stream that goes on behind them."""
    blocks = [data[at : at + MOST_STORED] for at in range(0, len(data), MOST_STORED)]
    heads = [STORED.pack(0, len(block), len(block) ^ 0xFFFF) for block in blocks]
    return [part for pair in zip(heads, blocks, strict=True) for part in pair]
