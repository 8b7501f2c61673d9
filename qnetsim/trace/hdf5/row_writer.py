"""Write one column whose rows are as many as there is to tell, not one for each slot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from qnetsim.trace.column import Column
from qnetsim.trace.digest import ContentDigest
from qnetsim.trace.schema import CHUNK_ROWS


class RowWriter:
    """Appends rows to a dataset, any number at a time.

    A chunk that is not full is written all the same, so that every flush leaves whole slots, and
    once more when it has filled up; it is digested then.

    Parameters
    ----------
    column : Column
    dataset : h5py.h5d.DatasetID
    digest : ContentDigest
    """

    def __init__(self, column: Column, dataset: h5py.h5d.DatasetID, digest: ContentDigest) -> None:
        self._column = column
        self._dataset = dataset
        self._digest = digest
        self._rows = 0
        #: Rows of the last chunk, which is not full.
        self._open = np.zeros(0, dtype=column.kind)

    def append(self, rows: Mapping[str, npt.NDArray[Any]]) -> None:
        """Write the column's rows of a block; an index goes on counting."""
        column = self._column
        if column.dims == (column.name,):
            count = _length(rows, column)
            values = np.arange(self._rows, self._rows + count)
        else:
            values = rows.get(column.name, self._open[:0])
        if not len(values):
            return
        first = self._rows - len(self._open)
        joined = np.concatenate([self._open, values.astype(column.kind)])
        self._rows += len(values)
        self._dataset.set_extent((self._rows,))
        space = self._dataset.get_space()
        space.select_hyperslab((first,), joined.shape)
        self._dataset.write(h5py.h5s.create_simple(joined.shape), space, joined)
        full = len(joined) - len(joined) % CHUNK_ROWS
        self._digest.update(column, joined[:full])
        self._open = joined[full:]

    def finish(self) -> None:
        """Digest the last chunk; nothing is appended any more."""
        self._digest.update(self._column, self._open)
        self._open = self._open[:0]


def _length(rows: Mapping[str, npt.NDArray[Any]], index: Column) -> int:
    """Rows of the table that a column numbers."""
    return len(rows[LEADING[index.name]]) if rows else 0


#: A column of each table.
LEADING = {"entry": "fate", "turn": "turn_entry", "way": "way_end", "hop": "hop_fibre"}
