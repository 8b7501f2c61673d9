"""Write one growing column chunk by chunk: filtered here, so that equal chunks cost nothing.

Chunks are shuffled and deflated exactly as HDF5's own filters do it, and handed to HDF5 whole.
Where isal is installed (the extra ``fast``) it deflates several times faster than zlib; any
reader inflates both.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from qnetsim.trace.column import Column
from qnetsim.trace.digest import ContentDigest
from qnetsim.trace.schema import CHUNK_ROWS

try:
    from isal.isal_zlib import compress
except ImportError:
    from zlib import compress


class ColumnWriter:
    """Appends blocks of rows to a dataset that is chunked, shuffled and deflated.

    Parameters
    ----------
    column : Column
    dataset : h5py.h5d.DatasetID
    digest : ContentDigest
    """

    def __init__(self, column: Column, dataset: h5py.h5d.DatasetID, digest: ContentDigest) -> None:
        self._column = column
        self._dataset = dataset
        self._chunk = tuple(dataset.get_create_plist().get_chunk())
        self._width = tuple(dataset.shape[1:])
        self._digest = digest.of(column)
        self._kind = np.dtype(column.kind)
        self._fill = column.fill
        self._last: npt.NDArray[Any] | None = None
        self._one_row = False
        self._packed: list[tuple[tuple[int, ...], bytes]] = []

    def extend(self, rows: int) -> None:
        """Make room for this many rows in all."""
        self._dataset.set_extent((rows, *self._width))

    def append(self, first: int, values: npt.NDArray[Any] | None, count: int) -> None:
        """Write rows from row ``first`` on; None stands for rows of the fill value."""
        if values is None or not values.size:
            self._digest.update_blank((count, *self._width))
            return
        same = self._repeats(values)
        if not same:
            block = np.ascontiguousarray(values, dtype=self._kind)
            if self._blank(block):
                # unwritten chunks read as the fill value and take no space
                self._digest.update_blank(block.shape)
                return
            self._last = block
            self._one_row = values.strides[0] == 0
        assert self._last is not None
        self._digest.update(self._last, same=same)
        if first % CHUNK_ROWS or count > CHUNK_ROWS:
            self._write_plainly(first, self._last)
            self._last = None
            return
        if not same:
            self._packed = list(self._pack(self._last))
        for place, data in self._packed:
            self._dataset.write_direct_chunk((first, *place), data)

    def _blank(self, block: npt.NDArray[Any]) -> bool:
        # most columns that are not blank show it in their first number
        if block.item(0) != self._fill:
            return False
        if self._fill or self._kind.kind == "f":
            return not np.count_nonzero(block != self._fill)
        return not np.bitwise_or.reduce(block, axis=None)

    def _repeats(self, values: npt.NDArray[Any]) -> bool:
        """Whether these rows are those that were packed last."""
        last = self._last
        if last is None or last.shape != values.shape:
            return False
        # most blocks that differ do so in one of these numbers
        if any(last.item(at) != values.item(at) for at in (0, last.size // 2, -1)):
            return False
        if self._one_row and values.strides[0] == 0:
            # one row that stands for all
            return bool((last[0] == values[0]).all())
        return bool((last == values).all())

    def _write_plainly(self, first: int, block: npt.NDArray[Any]) -> None:
        """Write rows that do not start a chunk."""
        space = self._dataset.get_space()
        space.select_hyperslab((first,) + (0,) * (block.ndim - 1), block.shape)
        self._dataset.write(h5py.h5s.create_simple(block.shape), space, block)

    def _pack(self, block: npt.NDArray[Any]) -> Iterator[tuple[tuple[int, ...], bytes]]:
        """Shuffle and deflate the chunks of a block; the last of each axis is filled up."""
        width = block.shape[1:]
        chunk = self._chunk[1:]
        if block.shape == self._chunk:
            yield (0,) * len(width), compress(_shuffled(block), 1)
            return
        steps = [range(0, size, step) for size, step in zip(width, chunk, strict=True)]
        for place in itertools.product(*steps):
            columns = (slice(at, at + n) for at, n in zip(place, chunk, strict=True))
            part = block[(slice(None), *columns)]
            if part.shape != self._chunk:
                whole = np.full(self._chunk, self._column.fill, dtype=block.dtype)
                whole[tuple(slice(n) for n in part.shape)] = part
                part = whole
            yield place, compress(_shuffled(part), 1)


def _shuffled(part: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """First bytes of all numbers, then second bytes, and so on; shape (itemsize, numbers)."""
    size = used = part.itemsize
    if part.dtype.kind in "iu":
        found = int(np.bitwise_or.reduce(part, axis=None))
        if found >= 0:
            # bytes above the largest number are zero: there is nothing to gather
            used = (found.bit_length() + 7) // 8
    planes = np.zeros((size, part.size), dtype=np.uint8)
    split = np.ascontiguousarray(part, dtype=part.dtype.newbyteorder("<")).view(np.uint8)
    split = split.reshape(-1, size)
    for byte in range(used):
        planes[byte] = split[:, byte]
    return planes
