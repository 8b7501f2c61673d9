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
    #: Rows of a chunk that is not full, and bytes that it takes.
    _begun: Sequence[Values] = ()
    _stored = 0

    def append(self, first: int, parts: Parts, counts: Sequence[int]) -> None:
        """Write blocks of ``CHUNK_ROWS`` rows from row ``first`` on; only the last is shorter.

        None stands for rows of the fill value.
        """
        size = self._chunk[0]
        while parts:
            some = (size - first % size) // CHUNK_ROWS
            self._put(first, parts[:some], counts[:some])
            first += sum(counts[:some])
            parts, counts = parts[some:], counts[some:]

    def _put(self, first: int, parts: Parts, counts: Sequence[int]) -> None:
        """Write blocks that share a chunk."""
        column = self._column
        inside = first % self._chunk[0]
        if not inside:
            self._begun, self._stored = [], 0
        blocks = [
            np.full((count, *self._width), column.fill, column.kind) if part is None else part
            for part, count in zip(parts, counts, strict=True)
        ]
        rows = np.concatenate([*self._begun, *blocks], dtype=column.kind)
        self._begun = [rows]
        new = rows[inside:]
        if is_blank(new, column.fill):
            # what of a chunk is not written, or filled up, reads as the fill value
            for count in counts:
                self._digest.update_blank((count, *self._width))
            return
        chunk = self._last
        if inside or chunk is None or not chunk.holds(rows):
            chunk = self._packed(first - inside, rows, new)
        self._last = None if inside else chunk
        for digest, count in zip(chunk.digests, counts, strict=True):
            shape = count, *self._width
            if digest is None:
                self._digest.update_blank(shape)
            else:
                self._digest.update_hashed(shape, digest)
        self._write(first - inside, chunk.data)

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
        blocks = [new[at : at + CHUNK_ROWS] for at in range(0, len(new), CHUNK_ROWS)]
        digests = [None if is_blank(block, fill) else hash_of(block) for block in blocks]
        whole = rows
        if rows.shape != self._chunk:
            whole = np.full(self._chunk, fill, rows.dtype)
            whole[: len(rows)] = rows
        return PackedBlocks(rows, digests, self._packing.pack(whole, first // self._chunk[0]))
