"""Write one growing column chunk by chunk: packed here, so that equal chunks cost nothing."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import h5py
import numpy as np
import numpy.typing as npt

from qnetsim.trace.column import Column
from qnetsim.trace.digest import LARGE, SOME_ROWS, ContentDigest, hash_of, is_blank
from qnetsim.trace.hdf5.packing import Packer, Packing
from qnetsim.trace.schema import CHUNK_ROWS

#: Columns across the fibres that share a chunk on disk.
CHUNK_FIBRES = 128
#: Slots from which on a run is long, and blocks that share a chunk then in columns of one number
#: a slot: to make a chunk costs more than what is in so short a one.
LONG_RUN = 2**14
BLOCKS_OF_LONG = 4


def chunk_of(width: tuple[int, ...], *, long: bool = False) -> tuple[int, ...]:
    """Shape of a stored chunk of rows of this shape, in a run that is long or not."""
    blocks = BLOCKS_OF_LONG if long and math.prod(width) == 1 else 1
    return (blocks * CHUNK_ROWS, *(min(size, CHUNK_FIBRES) for size in width))


Parts = Sequence[npt.NDArray[Any] | None]


class PackedBlock(NamedTuple):
    """A block of rows, and what was made of it.

    Attributes
    ----------
    rows : ndarray
        As they are stored.
    one_row : bool
        Whether one row in memory stands for all.
    digest : bytes
        SHA-256 of the rows.
    chunks : list of (tuple of int, bytes)
        Packed chunks, each with its place in the block.
    """

    rows: npt.NDArray[Any]
    one_row: bool
    digest: bytes
    chunks: list[tuple[tuple[int, ...], bytes]]

    def holds(self, values: npt.NDArray[Any]) -> bool:
        """Whether these are its rows."""
        rows = self.rows
        if rows.shape != values.shape or rows.item(-1) != values.item(-1):
            return False
        middle = rows.size // 2
        # most blocks that differ do so in one of these numbers
        if rows.item(0) != values.item(0) or rows.item(middle) != values.item(middle):
            return False
        if self.one_row and values.strides[0] == 0:
            return bool((rows[0] == values[0]).all())
        if rows.size > LARGE and not (rows[::SOME_ROWS] == values[::SOME_ROWS]).all():
            return False
        return bool((rows == values).all())


class Workshop:
    """What the columns of a file share.

    Attributes
    ----------
    digest : ContentDigest
    long : bool
        Whether it is the file of a long run.
    packer : Packer
        Compiled where ``fast`` is set, which needs numba.
    blocks : dict
        What columns have packed for the slots that are written now, by first slot, type, shape and
        some of the numbers. Others that hold the same take it from there: numbers of slots stand
        in three columns, and without stores all bits that are produced on demand are consumed.
    """

    def __init__(self, digest: ContentDigest, *, long: bool = False, fast: bool = False) -> None:
        self.digest = digest
        self.long = long
        self.packer = Packer(fast=fast)
        self.blocks: dict[tuple[Any, ...], Any] = {}


class GrowingColumn:
    """The dataset of a growing column, its digest, and what packs its chunks.

    Parameters
    ----------
    column : Column
    dataset : h5py.h5d.DatasetID
    width : tuple of int
        Shape of a row.
    shared : Workshop
    """

    def __init__(
        self,
        column: Column,
        dataset: h5py.h5d.DatasetID,
        width: tuple[int, ...],
        shared: Workshop,
    ) -> None:
        self._column = column
        self._dataset = dataset
        self._width = width
        self._chunk = chunk_of(width, long=shared.long)
        self._digest = shared.digest.of(column)
        self._kind = np.dtype(column.kind)
        self._fill = column.fill
        self._packing = Packing(shared.packer)
        self._blocks = shared.blocks

    def extend(self, rows: int) -> None:
        """Make room for this many rows in all."""
        self._dataset.set_extent((rows, *self._width))

    def _is_blank(self, values: npt.NDArray[Any] | None) -> bool:
        """Whether all numbers are the fill value."""
        return values is None or not values.size or is_blank(values, self._fill)

    def _skip(self, count: int) -> None:
        """Leave out rows of the fill value: what is not written reads as that."""
        self._digest.update_blank_rows(count, self._width)


class ColumnWriter(GrowingColumn):
    """Appends blocks of rows to a dataset that is chunked, shuffled and deflated."""

    _last: PackedBlock | None = None

    def append(self, first: int, parts: Parts, counts: Sequence[int]) -> None:
        """Write parts of so many rows from row ``first`` on; None stands for the fill value."""
        for values, count in zip(parts, counts, strict=True):
            if values is not None and values.size and not first % CHUNK_ROWS:
                for at in range(0, count, CHUNK_ROWS):
                    self._append(first + at, values[at : at + CHUNK_ROWS])
            elif self._is_blank(values):
                self._skip(count)
            else:
                assert values is not None
                self._write_plainly(first, np.ascontiguousarray(values, self._kind))
            first += count

    def _append(self, first: int, values: npt.NDArray[Any]) -> None:
        """Write a block, or the last one."""
        block = self._last
        if block is None or not block.holds(values):
            if self._is_blank(values):
                self._skip(len(values))
                return
            block = self._last = self._packed(first, values)
        self._digest.update_hashed(values.shape, block.digest)
        for place, data in block.chunks:
            self._dataset.write_direct_chunk((first, *place), data)

    def _write_plainly(self, first: int, rows: npt.NDArray[Any]) -> None:
        """Write rows that do not start a chunk."""
        self._digest.update(rows)
        space = self._dataset.get_space()
        space.select_hyperslab((first,) + (0,) * (rows.ndim - 1), rows.shape)
        self._dataset.write(h5py.h5s.create_simple(rows.shape), space, rows)

    def _packed(self, first: int, values: npt.NDArray[Any]) -> PackedBlock:
        """Pack a block, or take it from a column that holds the same."""
        if self._kind.kind == "f":
            # numbers that are equal may differ in their bits
            return self._pack(first, values)
        some = values.item(0), values.item(values.size // 2), values.item(-1)
        key = first, self._column.kind, self._fill, values.shape, *some
        block = self._blocks.get(key)
        if block is None or not block.holds(values):
            block = self._blocks[key] = self._pack(first, values)
        return block

    def _pack(self, first: int, values: npt.NDArray[Any]) -> PackedBlock:
        rows = np.ascontiguousarray(values, self._kind)
        # first, for it is slower than the memory that all of this has to come from
        digest = hash_of(rows)
        chunks = [
            (place, self._packing.pack(chunk, first // CHUNK_ROWS))
            for place, chunk in self._chunks_of(rows)
        ]
        return PackedBlock(rows, values.strides[0] == 0, digest, chunks)

    def _chunks_of(
        self, rows: npt.NDArray[Any]
    ) -> Iterator[tuple[tuple[int, ...], npt.NDArray[Any]]]:
        """Chunks of a block with their places; the last of each axis is filled up."""
        width = rows.shape[1:]
        chunk = self._chunk[1:]
        if rows.shape == self._chunk:
            yield (0,) * len(width), rows
            return
        steps = [range(0, size, step) for size, step in zip(width, chunk, strict=True)]
        for place in itertools.product(*steps):
            columns = (slice(at, at + n) for at, n in zip(place, chunk, strict=True))
            part = rows[(slice(None), *columns)]
            whole = np.full(self._chunk, self._fill, dtype=rows.dtype)
            whole[tuple(slice(n) for n in part.shape)] = part
            yield place, whole
