"""The columns of a file: each is looked at once, ahead of its first row."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from qnetsim.errors import TraceFormatError
from qnetsim.plain_text import counted
from qnetsim.trace.column import Column
from qnetsim.trace.hdf5.reading import (
    MOST_EXPANSION,
    link_elsewhere,
    values_elsewhere,
)


class StoredColumns:
    """Columns of an open file, without h5py's objects, which take far longer than the datasets.

    A column is there, in its type and shape, with all committed rows, or it is refused. It is
    looked at ahead of its first row, after those that number its dimensions.

    Parameters
    ----------
    path : Path
    file : h5py.File
    columns : tuple of Column
        Those of the file's format.
    slots : int
        Slots that are committed.
    closed : bool
        Whether its writer closed the file; else rows of the last slots may not be in it yet.

    Raises
    ------
    TraceFormatError
        A group is not as the format has it.
    """

    def __init__(
        self,
        path: Path,
        file: h5py.File,
        columns: tuple[Column, ...],
        slots: int,
        *,
        closed: bool,
    ) -> None:
        self._path = path
        self._sizes = {"slot": slots}
        self._held = file.id.get_filesize()
        self._groups: dict[str, tuple[h5py.h5g.GroupID, h5py.h5l.LinkProxy]] = {}
        self._datasets: dict[str, h5py.h5d.DatasetID] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._numbers = {column.path: column for column in columns if column.dims == (column.name,)}
        by_path = {column.path: column for column in columns}
        self._counted = {column: by_path[column.counter] for column in columns if column.counter}
        self._followed: int | None = None
        for name in dict.fromkeys(column.group for column in columns):
            group = self._group(file.id, name)
            if group is not None:
                self._groups[name] = group, group.links
        # at once: what a writer adds from here on lies behind the end of the file as it was opened
        self._listed = {} if closed else self._rows_held()

    def _rows_held(self) -> dict[Column, int]:
        """Rows that are in the file of each column with a counter."""
        return {column: max(self._stored(column)[0].shape, default=0) for column in self._counted}

    def _group(self, file: h5py.h5f.FileID, name: str) -> h5py.h5g.GroupID | None:
        """Open a group; None where there is none."""
        key = name.encode()
        if key not in file:
            return None
        why = link_elsewhere(file.links, name)
        if not why:
            entry = h5py.h5o.open(file, key)
            if isinstance(entry, h5py.h5g.GroupID):
                return entry
            is_dataset = isinstance(entry, h5py.h5d.DatasetID)
            why = values_elsewhere(entry.get_create_plist()) if is_dataset else ""
        if why:
            raise TraceFormatError(
                f"{self._path}: {name} {why}; a trace keeps everything in itself"
            )
        return None

    def check(self, columns: Iterable[Column]) -> None:
        """Look at these columns.

        Raises
        ------
        TraceFormatError
            One of them is not as the format has it.
        """
        for column in columns:
            self._dataset(column)

    def rows(self, column: Column, first: int, end: int | None) -> npt.NDArray[Any]:
        """Read rows of a column, all from ``first`` on unless ``end`` is given.

        Raises
        ------
        TraceFormatError
            The column is not as the format has it.
        """
        dataset = self._dataset(column)
        if column.kind == "str":
            return np.asarray(h5py.Dataset(dataset).asstr()[first:end], dtype=object)
        size, *others = self._shapes[column.path]
        first, end, _ = slice(first, end).indices(size)
        found = np.empty((max(end - first, 0), *others), column.kind)
        if not found.size:
            return found
        if len(found) == size:
            # no part of it has to be described
            dataset.read(h5py.h5s.ALL, h5py.h5s.ALL, found)
        else:
            stored = dataset.get_space()
            stored.select_hyperslab((first, *(0 for _ in others)), found.shape)
            dataset.read(h5py.h5s.create_simple(found.shape), stored, found)
        return found

    def _dataset(self, column: Column) -> h5py.h5d.DatasetID:
        """A column that is as the format has it."""
        dataset = self._datasets.get(column.path)
        if dataset is None:
            for dim in column.dims:
                numbers = self._numbers.get(f"{column.group}/{dim}", column)
                if numbers.path not in self._datasets and numbers is not column:
                    self._dataset(numbers)
            dataset, made = self._stored(column)
            chunk = made.get_chunk() if made.get_layout() == h5py.h5d.CHUNKED else ()
            grows = column.grows or bool(column.counter)
            if column.counter:
                self._sizes[column.dims[0]] = self.committed(column)
            if grows and column.path in self._numbers and chunk:
                self._refuse_unstored(column, dataset, chunk[0])
            # chunks bound what a growing column takes
            self._refuse_misshapen(column, dataset, 0 if grows and chunk else self._held)
            self._datasets[column.path] = dataset
        return dataset

    def committed(self, column: Column) -> int:
        """Rows of a column with a counter that belong to the committed slots.

        Raises
        ------
        TraceFormatError
            The counter is not as the format has it.
        """
        slots = self.followed_slots
        if not slots:
            return 0
        rows = int(self.rows(self._counted[column], slots - 1, slots)[0])
        if rows < 0:
            raise TraceFormatError(
                f"{self._path}: column {column.counter} is damaged: "
                f"it counts {counted(rows, 'row')}"
            )
        return rows

    @property
    def followed_slots(self) -> int:
        """Slots up to which all rows of the tables with counters are in the file."""
        if self._followed is None:
            slots = self._sizes["slot"]
            for column, held in self._listed.items():
                counts = self.rows(self._counted[column], 0, slots)
                slots = min(slots, int(np.searchsorted(counts, held, "right")))
            self._followed = slots
        return self._followed

    def _stored(self, column: Column) -> tuple[h5py.h5d.DatasetID, h5py.h5p.PropDCID]:
        """Open a dataset, and how it is made."""
        if column.group not in self._groups:
            raise self._missing(column)
        group, links = self._groups[column.group]
        try:
            why = link_elsewhere(links, column.name)
        except (KeyError, RuntimeError):
            if links.exists(column.name.encode()):
                raise
            raise self._missing(column) from None
        made = None
        if not why:
            dataset = h5py.h5o.open(group, column.name.encode())
            if not isinstance(dataset, h5py.h5d.DatasetID):
                raise self._missing(column)
            made = dataset.get_create_plist()
            why = values_elsewhere(made)
        if why:
            raise TraceFormatError(
                f"{self._path}: column {column.path} {why}; a trace keeps everything in itself"
            )
        return dataset, made

    def _missing(self, column: Column) -> TraceFormatError:
        return TraceFormatError(f"{self._path}: column {column.path} is missing")

    def _refuse_misshapen(self, column: Column, dataset: h5py.h5d.DatasetID, held: int) -> None:
        """Type, shape and rows of one column; sizes of dimensions grow by those that are new.

        ``held`` are the bytes of the file that must hold it; 0 where chunks bound what it takes.
        """
        shape, slots = dataset.shape, self._sizes["slot"]
        grows = column.grows or bool(column.counter)
        stored = dataset.get_type()
        kind_fits = stored.equal(_type_of(column.kind))
        if not kind_fits:
            text = h5py.check_string_dtype(stored.dtype) is not None
            kind_fits = text if column.kind == "str" else stored.dtype == column.kind
        shape_fits = len(shape) == len(column.dims) and (
            not grows or shape[0] >= self._sizes[column.dims[0]]
        )
        for dim, size in zip(column.dims[grows:], shape[grows:], strict=False):
            if dim != "slot":
                shape_fits &= self._sizes.setdefault(dim, size) == size
        claimed = math.prod(shape) * stored.get_size() if held else 0
        self._shapes[column.path] = shape
        if claimed > MOST_EXPANSION * held:
            raise TraceFormatError(
                f"{self._path}: column {column.path} is damaged: it claims {claimed:,} bytes, in "
                f"a file of {held:,}"
            )
        if not (kind_fits and shape_fits):
            raise TraceFormatError(
                f"{self._path}: column {column.path} is damaged: {stored.dtype} of shape "
                f"{shape}, with {counted(slots, 'slot')} committed"
            )

    def _refuse_unstored(self, column: Column, dataset: h5py.h5d.DatasetID, rows: int) -> None:
        """Refuse more numbers of slots, or of rows, than there are stored chunks of ``rows`` for.

        Other columns may be blank and take no space; such numbers are not, but for 0 alone.
        """
        numbered = self._sizes[column.dims[0]]
        if numbered < 2:
            return
        wanted, stored = -(-numbered // rows), dataset.get_num_chunks()
        if stored < wanted:
            what = "slot" if column.grows else "row"
            raise TraceFormatError(
                f"{self._path}: column {column.path} is damaged: "
                f"{counted(numbered, f'{what} takes', f'{what}s take')} "
                f"{counted(wanted, 'chunk')}, and "
                f"{counted(stored, 'is', 'are')} stored"
            )


@lru_cache
def _type_of(kind: str) -> h5py.h5t.TypeID:
    """How numbers of a kind, or names, are stored; comparing types spares making numpy's."""
    return h5py.h5t.py_create(h5py.string_dtype() if kind == "str" else np.dtype(kind), logical=1)
