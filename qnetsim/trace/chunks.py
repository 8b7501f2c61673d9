"""Write one growing column chunk by chunk: filtered here, so that equal chunks cost nothing.

Chunks are shuffled and deflated exactly as HDF5's own filters do it, and handed to HDF5 whole.
Where isal is installed (the extra ``fast``) it deflates several times faster than zlib; any
reader inflates both.
"""

from __future__ import annotations

import itertools
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from qnetsim.trace.digest import ContentDigest
from qnetsim.trace.schema import CHUNK_ROWS, Column

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
    chunk : tuple of int
        Shape of a chunk.
    digest : ContentDigest
    """

    def __init__(
        self, column: Column, dataset: Any, chunk: tuple[int, ...], digest: ContentDigest
    ) -> None:
        self._column, self._dataset, self._chunk = column, dataset, chunk
        self._digest = digest
        self._last: npt.NDArray[Any] | None = None
        self._packed: list[tuple[tuple[int, ...], bytes]] = []

    def append(self, first: int, values: npt.NDArray[Any] | None, count: int) -> None:
        """Append rows after row ``first``; None stands for rows of the fill value."""
        width = self._dataset.shape[1:]
        self._dataset.set_extent((first + count, *width))
        if values is None:
            self._digest.add_blank(self._column, (count, *width))
            return
        block = np.ascontiguousarray(values, dtype=self._column.kind)
        if not (block != self._column.fill).any():
            # unwritten chunks read as the fill value and take no space
            self._digest.add_blank(self._column, block.shape)
            return
        same = self._last is not None and np.array_equal(self._last, block)
        self._digest.add(self._column, block, same=same)
        if first % CHUNK_ROWS or count > CHUNK_ROWS:
            self._write_plainly(first, block)
            self._last = None
            return
        if not same:
            self._packed = list(self._pack(block))
            self._last = block
        for place, data in self._packed:
            self._dataset.write_direct_chunk((first, *place), data)

    def _write_plainly(self, first: int, block: npt.NDArray[Any]) -> None:
        """Write rows that do not start a chunk."""
        space = self._dataset.get_space()
        space.select_hyperslab((first,) + (0,) * (block.ndim - 1), block.shape)
        self._dataset.write(h5py.h5s.create_simple(block.shape), space, block)

    def _pack(self, block: npt.NDArray[Any]) -> Any:
        """Shuffle and deflate the chunks of a block; the last of each axis is filled up."""
        width, chunk = block.shape[1:], self._chunk[1:]
        steps = [range(0, size, step) for size, step in zip(width, chunk, strict=True)]
        for place in itertools.product(*steps):
            columns = (slice(at, at + n) for at, n in zip(place, chunk, strict=True))
            part = block[(slice(None), *columns)]
            if part.shape != self._chunk:
                whole = np.full(self._chunk, self._column.fill, dtype=block.dtype)
                whole[tuple(slice(n) for n in part.shape)] = part
                part = whole
            planes = np.ascontiguousarray(part).view(np.uint8).reshape(-1, block.itemsize).T
            yield place, compress(np.ascontiguousarray(planes), 1)
