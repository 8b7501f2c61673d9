"""Write a column of one number a slot in chunks of several blocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import h5py
import numpy as np
import numpy.typing as npt

from qnetsim.trace.column import Column
from qnetsim.trace.digest import hash_of, is_blank
from qnetsim.trace.hdf5.chunks import ColumnWriter, GrowingColumn, Parts, Workshop, chunk_of
from qnetsim.trace.schema import CHUNK_ROWS

Values = npt.NDArray[Any]


def writer_of(
    column: Column, dataset: h5py.h5d.DatasetID, width: tuple[int, ...], shared: Workshop
) -> ColumnWriter | LongChunkWriter:
    """Choose what writes a growing column."""
    rows = chunk_of(width, long=shared.long)[0]
    kind = ColumnWriter if rows == CHUNK_ROWS else LongChunkWriter
    return kind(column, dataset, width, shared)


class ChunkPart(NamedTuple):
    """Rows that follow each other, and how many; None stands for the fill value."""

    values: Values | None
    slots: int


class PackedBlocks(NamedTuple):
    """A chunk, and what was made of it.

    Attributes
    ----------
    rows : ndarray
        Those of the chunk that there are.
    digests : list of (bytes or None)
        SHA-256 of each of its last blocks; None of a blank one.
    data : bytes
        The packed chunk.
    """

    rows: Values
    digests: list[bytes | None]
    data: bytes

    def holds(self, rows: Values) -> bool:
        """Whether these are its rows."""
        return self.rows.shape == rows.shape and bool((self.rows == rows).all())


class LongChunkWriter(GrowingColumn):
    """Appends blocks of rows to a dataset whose chunks hold several; for a long run.

    A chunk is written again whenever rows came to it: to another place, so that whoever reads
    meanwhile, and a kill, find it as it was. HDF5 takes another place in SWMR mode for one of
    another size.
    """

    _last: PackedBlocks | None = None
    #: Bytes that a chunk takes which is not full.
    _stored = 0

    def __init__(
        self,
        column: Column,
        dataset: h5py.h5d.DatasetID,
        width: tuple[int, ...],
        shared: Workshop,
    ) -> None:
        super().__init__(column, dataset, width, shared)
        #: Rows of such a chunk.
        self._begun: list[ChunkPart] = []

    def append(self, first: int, parts: Parts, counts: Sequence[int]) -> None:
        """Write parts of so many rows from row ``first`` on; None stands for the fill value.

        All but the last are whole blocks of ``CHUNK_ROWS`` rows.
        """
        size = self._chunk[0]
        held: list[ChunkPart] = []
        end = first
        for values, count in zip(parts, counts, strict=True):
            at = 0
            while at < count:
                some = min(count - at, size - end % size)
                held.append(ChunkPart(None if values is None else values[at : at + some], some))
                at += some
                end += some
                if not end % size:
                    self._put(first, held)
                    first, held = end, []
        if held:
            self._put(first, held)

    def _put(self, first: int, parts: Sequence[ChunkPart]) -> None:
        """Write parts that share a chunk."""
        inside = first % self._chunk[0]
        if not inside:
            self._begun, self._stored = [], 0
        count = sum(part.slots for part in parts)
        if all(self._is_blank(part.values) for part in parts):
            self._begun.append(ChunkPart(None, count))
            self._skip(count)
            return
        rows = self._joined([*self._begun, *parts])
        self._begun = [ChunkPart(rows, len(rows))]
        chunk = self._last
        if inside or chunk is None or not chunk.holds(rows):
            chunk = self._packed(first - inside, rows, rows[inside:])
        self._last = None if inside else chunk
        for digest, block in zip(chunk.digests, _blocks(rows[inside:]), strict=True):
            if digest is None:
                self._digest.update_blank(block.shape)
            else:
                self._digest.update_hashed(block.shape, digest)
        self._write(first - inside, chunk.data)

    def _joined(self, parts: Sequence[ChunkPart]) -> Values:
        """All rows of these parts, as they are stored."""
        column = self._column
        blocks = [
            np.full((part.slots, *self._width), column.fill, self._kind)
            if part.values is None
            else part.values
            for part in parts
        ]
        if len(blocks) == 1:
            return np.ascontiguousarray(blocks[0], self._kind)
        return np.concatenate(blocks, dtype=self._kind)

    def _write(self, first: int, data: bytes) -> None:
        # what stands behind the end of a stream of zlib is not read
        data += bytes(len(data) == self._stored)
        self._stored = len(data)
        self._dataset.write_direct_chunk((first, *(0 for _ in self._width)), data)

    def _packed(self, first: int, rows: Values, new: Values) -> PackedBlocks:
        """Pack a chunk, or take it from a column that holds the same."""
        if rows.dtype.kind == "f":
            return self._pack(first, rows, new)
        column = self._column
        some = rows.item(0), rows.item(rows.size // 2), rows.item(-1)
        key = "long", first, column.kind, column.fill, rows.shape, len(new), *some
        chunk = self._blocks.get(key)
        if chunk is None or not chunk.holds(rows):
            chunk = self._blocks[key] = self._pack(first, rows, new)
        return chunk

    def _pack(self, first: int, rows: Values, new: Values) -> PackedBlocks:
        fill = self._column.fill
        digests = [None if is_blank(block, fill) else hash_of(block) for block in _blocks(new)]
        whole = rows
        if rows.shape != self._chunk:
            whole = np.full(self._chunk, fill, rows.dtype)
            whole[: len(rows)] = rows
        return PackedBlocks(rows, digests, self._packing.pack(whole, first // self._chunk[0]))


def _blocks(rows: Values) -> list[Values]:
    """Rows block by block, as they are hashed."""
    return [rows[at : at + CHUNK_ROWS] for at in range(0, len(rows), CHUNK_ROWS)]
