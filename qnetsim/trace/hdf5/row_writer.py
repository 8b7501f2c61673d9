"""Write one column whose rows are as many as there is to tell, not one for each slot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import h5py
import numpy as np
import numpy.typing as npt

from qnetsim.trace.column import Column
from qnetsim.trace.digest import ContentDigest
from qnetsim.trace.schema import CHUNK_ROWS

#: A column of each table but its index.
LEADING = {"entry": "fate", "turn": "turn_entry", "way": "way_end", "hop": "hop_fibre"}


class LastRows(NamedTuple):
    """Rows that do not fill a chunk, and the first of them."""

    first: int
    values: npt.NDArray[Any]


class RowWriter:
    """Appends rows to a dataset, any number at a time.

    A chunk that is packed is written once, when it is full: whoever reads meanwhile, and a kill,
    find it where it was. The rows behind the last full chunk are written when the file is
    completed. One that is not packed stays where it is, and is written at every commit as far as
    it goes: most runs have fewer ways than a chunk holds.

    Parameters
    ----------
    column : Column
    dataset : h5py.h5d.DatasetID
    digest : ContentDigest
    """

    def __init__(self, column: Column, dataset: h5py.h5d.DatasetID, digest: ContentDigest) -> None:
        self.column = column
        self._dataset = dataset
        self._digest = digest
        self._rest = LastRows(0, np.zeros(0, dtype=column.kind))
        self._stored = 0
        self._packed = dataset.get_create_plist().get_nfilters() > 0
        #: The same, of the rows that belong to committed slots.
        self.committed = self._rest

    def append(self, rows: Mapping[str, npt.NDArray[Any]]) -> None:
        """Take the column's rows of a block; an index goes on counting."""
        column = self.column
        first, rest = self._rest
        if column.dims == (column.name,):
            begin = first + len(rest)
            values = np.arange(begin, begin + len(rows[LEADING[column.name]]))
        else:
            values = rows[column.name]
        joined = np.concatenate([rest, values.astype(column.kind)])
        full = len(joined) - len(joined) % CHUNK_ROWS
        if full:
            self._put(first, joined[:full])
            self._digest.update(column, joined[:full])
        self._rest = LastRows(first + full, joined[full:])

    def store(self) -> None:
        """Write the rows that do not fill a chunk, where their place in the file stays."""
        first, values = self._rest
        if not self._packed and first + len(values) > self._stored:
            self._put(first, values)

    def _put(self, first: int, values: npt.NDArray[Any]) -> None:
        self._stored = first + len(values)
        self._dataset.set_extent((self._stored,))
        space = self._dataset.get_space()
        space.select_hyperslab((first,), values.shape)
        rows = np.ascontiguousarray(values)
        self._dataset.write(h5py.h5s.create_simple(rows.shape), space, rows)

    def commit(self) -> None:
        """The rows so far belong to slots that are safe in the file."""
        self.committed = self._rest

    def finish(self) -> None:
        """Digest the last rows; nothing is appended any more."""
        self._digest.update(self.column, self._rest.values)

    def end(self) -> None:
        """Write and digest the last rows, in a file that is written in one go."""
        first, values = self._rest
        if len(values):
            self._put(first, values)
        self.finish()
