"""What is in a new file before its first slot: attributes, and every column at its start."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import h5py
import numpy as np

from qnetsim.trace.column import Column
from qnetsim.trace.contents import COMMITTED
from qnetsim.trace.digest import ContentDigest
from qnetsim.trace.hdf5.chunks import LONG_RUN, chunk_of
from qnetsim.trace.hdf5.in_memory import changed_in_memory
from qnetsim.trace.hdf5.new_objects import TEXT, growing_dataset, new_dataset, put_attributes
from qnetsim.trace.hdf5.staged import LIBVER
from qnetsim.trace.request_columns import UNPACKED
from qnetsim.trace.schema import KINDS, FileKind, totals


@dataclass(frozen=True)
class TraceHeader:
    """What is known of a run before its first slot.

    Attributes
    ----------
    provenance : mapping
        JSON: software, scenario, seed, replication, policy, plan, environment.
    columns : mapping from path to array or list of str
        All columns that do not grow, but the running totals.
    attributes : mapping
        Root attributes beside those of the format itself.
    slots : int
        That are to come, where it is known.
    tasks : bool
        Whether there will be FEL tasks to tell of.
    """

    provenance: Mapping[str, Any]
    columns: Mapping[str, Any]
    attributes: Mapping[str, Any]
    slots: int = 0
    tasks: bool = False


def shape_in(sizes: Mapping[str, int], column: Column) -> tuple[int, ...]:
    """Shape of a column without slots and rows, in a file of these sizes."""
    return tuple(sizes.get(dim, 0) for dim in column.dims)


@dataclass(frozen=True)
class NewFile:
    """A file to which no slots were written.

    Attributes
    ----------
    image : bytes
        All of it.
    places : mapping from path to int
        Where the values of running totals and the count of slots lie in it.
    attributes : mapping
        All root attributes.
    sizes : mapping
        Sizes of all dimensions by name; of ``slot`` only where columns have room for slots.
    """

    image: bytes
    places: Mapping[str, int]
    attributes: Mapping[str, Any]
    sizes: Mapping[str, int]


def empty_file(kind: FileKind, header: TraceHeader, digest: ContentDigest) -> NewFile:
    """Make a file without slots; the columns that do not grow are digested.

    It is made in memory: HDF5 does not survive a write that fails.
    """
    new = begun_file(kind, header, digest)
    attributes = own_attributes(header)
    if header.tasks:
        attributes["tasks"] = ""  # told when the run is over; its place is there from the start
    with changed_in_memory(new.image) as file:
        put_attributes(file.id, attributes)
    return replace(new, image=file.image, attributes={**new.attributes, **attributes})


def begun_file(
    kind: FileKind, header: TraceHeader, digest: ContentDigest, slots: int = 0
) -> NewFile:
    """Make a file without provenance whose columns that do not grow are whole, and digested.

    The others have room for so many slots, which hold the fill value.
    """
    for column in _fixed(kind):
        digest.update(column, np.asarray(header.columns[column.path]))
    long = header.slots >= LONG_RUN
    return _with_columns(
        _FixedColumns(KINDS.index(kind), digest.hexdigest(), long, slots, header.columns)
    )


def own_attributes(header: TraceHeader) -> dict[str, Any]:
    """Root attributes of one run, beside those of the format itself."""
    return {"provenance": json.dumps(header.provenance), **header.attributes}


def _fixed(kind: FileKind) -> list[Column]:
    """Columns that are whole from the start."""
    return [column for column in kind.columns if column.fixed]


@dataclass(frozen=True)
class _FixedColumns:
    """The columns that are whole from the start; equal where their digests are."""

    kind: int
    digest: str
    long: bool
    slots: int
    values: Mapping[str, Any] = field(compare=False)


@lru_cache(maxsize=8)
def _with_columns(columns: _FixedColumns) -> NewFile:
    """A file without provenance: the same in all runs of a scenario."""
    kind = KINDS[columns.kind]
    sizes = {
        c.name: len(columns.values[c.path]) for c in kind.columns if c.dims == (c.name,) and c.fixed
    }
    if columns.slots:
        sizes["slot"] = columns.slots
    layout = _layout(columns.kind, tuple(sorted(sizes.items())), columns.long)
    with changed_in_memory(layout.image) as file:
        for column in _fixed(kind):
            values = np.asarray(columns.values[column.path])
            if not values.size:
                continue
            data = np.ascontiguousarray(values, TEXT if column.kind == "str" else column.kind)
            dataset = h5py.h5d.open(file.id, column.path.encode())
            dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, data)
    return replace(layout, image=file.image)


@lru_cache(maxsize=8)
def _layout(number: int, sizes: tuple[tuple[str, int], ...], long: bool) -> NewFile:
    """A file whose columns hold their fill value, or zeros and no names.

    Most of a file's creation is its datasets and their attributes, the same in all runs of a
    network: they are made once in a process.
    """
    kind = KINDS[number]
    image = io.BytesIO()
    attributes = {
        "filetype": kind.filetype,
        "version": np.array(kind.version, dtype=np.int64),
    }
    growing = "slot" not in dict(sizes)
    if growing:
        attributes |= dict.fromkeys(("content_digest", "world_digest", "file_digest"), "")
    with h5py.File(image, "w", libver=LIBVER) as file:
        put_attributes(file.id, attributes)
        made = {COMMITTED: new_dataset(file["/"].id, COMMITTED, np.zeros((), np.int64))}
        groups: dict[str, h5py.h5g.GroupID] = {}
        # coordinates first: every other dataset of a group is tied to them
        for column in sorted(kind.columns, key=lambda c: c.dims != (c.name,)):
            if column.group not in groups:
                groups[column.group] = file.create_group(column.group).id
            shape = shape_in(dict(sizes), column)
            dataset = made[column.path] = _column(groups[column.group], column, shape, long)
            put_attributes(dataset, _described(column))
            if column.dims == (column.name,):
                h5py.h5ds.set_scale(dataset, column.name.encode())
                continue
            for axis, dim in enumerate(column.dims):
                h5py.h5ds.attach_scale(dataset, made[f"{column.group}/{dim}"], axis)
        rewritten = [COMMITTED, *(column.path for column in totals(kind))]
        places = {path: at for path in rewritten if (at := made[path].get_offset()) is not None}
    if not growing:
        return NewFile(image.getvalue(), places, attributes, dict(sizes))
    # alone in a heap for texts, where there is room for those of a complete file: HDF5's readers
    # of a running trace take no heap that is newer than their look at it
    status = {"status": "incomplete"}
    with h5py.File(image, "r+", libver=LIBVER) as file:
        put_attributes(file.id, status)
    return NewFile(image.getvalue(), places, attributes | status, dict(sizes))


def _column(
    group: h5py.h5g.GroupID, column: Column, shape: tuple[int, ...], long: bool
) -> h5py.h5d.DatasetID:
    if column.grows or column.counter:
        packed = column.dims[0] not in UNPACKED
        return growing_dataset(
            group,
            column.name,
            column.kind,
            shape,
            chunk=chunk_of(shape[1:], long=long and column.grows),
            packed=packed,
            fill=column.fill,
        )
    # with its place in the file from the start: one that is missing makes a file unreadable
    values = np.full(shape, "", TEXT) if column.kind == "str" else np.zeros(shape, column.kind)
    return new_dataset(group, column.name, values)


def _described(column: Column) -> dict[str, Any]:
    """Attributes of a column."""
    found: dict[str, Any] = {"long_name": column.meaning}
    if column.units:
        found["units"] = column.units
    if column.flags:
        found["flag_values"] = np.arange(len(column.flags), dtype=np.uint8)
        found["flag_meanings"] = " ".join(column.flags)
    if column.volatile:
        found["volatile"] = np.uint8(1)
    return found
