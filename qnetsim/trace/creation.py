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
from qnetsim.trace.hdf5.root_attributes import put_attributes
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
    """

    provenance: Mapping[str, Any]
    columns: Mapping[str, Any]
    attributes: Mapping[str, Any]
    slots: int = 0


def shape_in(sizes: Mapping[str, int], column: Column) -> tuple[int, ...]:
    """Shape of a column without slots and rows, in a file of these sizes."""
    return tuple(sizes.get(dim, 0) for dim in column.dims)


@dataclass(frozen=True)
class NewFile:
    """A file without slots.

    Attributes
    ----------
    image : bytes
        All of it.
    places : mapping from path to int
        Where the values of running totals and the count of slots lie in it.
    attributes : mapping
        All root attributes.
    sizes : mapping
        Sizes of all dimensions but ``slot``, by name.
    """

    image: bytes
    places: Mapping[str, int]
    attributes: Mapping[str, Any]
    sizes: Mapping[str, int]


def empty_file(kind: FileKind, header: TraceHeader, digest: ContentDigest) -> NewFile:
    """Make a file without slots; the columns that do not grow are digested.

    It is made in memory: HDF5 does not survive a write that fails.
    """
    for column in _fixed(kind):
        digest.update(column, np.asarray(header.columns[column.path]))
    columns = _FixedColumns(
        KINDS.index(kind), digest.hexdigest(), header.slots >= LONG_RUN, header.columns
    )
    new = _with_columns(columns)
    image = io.BytesIO(new.image)
    attributes = {"provenance": json.dumps(header.provenance), **header.attributes}
    with h5py.File(image, "r+", libver=LIBVER) as file:
        put_attributes(file.id, attributes)
    attributes = {**new.attributes, **attributes}
    return replace(new, image=image.getvalue(), attributes=attributes)


def _fixed(kind: FileKind) -> list[Column]:
    """Columns that are whole from the start."""
    return [column for column in kind.columns if column.fixed]


@dataclass(frozen=True)
class _FixedColumns:
    """The columns that are whole from the start; equal where their digests are."""

    kind: int
    digest: str
    long: bool
    values: Mapping[str, Any] = field(compare=False)


@lru_cache(maxsize=8)
def _with_columns(columns: _FixedColumns) -> NewFile:
    """A file without slots and without provenance: the same in all runs of a scenario."""
    kind = KINDS[columns.kind]
    sizes = {
        c.name: len(columns.values[c.path]) for c in kind.columns if c.dims == (c.name,) and c.fixed
    }
    layout = _layout(columns.kind, tuple(sorted(sizes.items())), columns.long)
    image = io.BytesIO(layout.image)
    with h5py.File(image, "r+", libver=LIBVER) as file:
        for column in _fixed(kind):
            values = np.asarray(columns.values[column.path])
            if not values.size:
                continue
            if column.kind == "str":
                file[column.path][...] = columns.values[column.path]
            else:
                data = np.ascontiguousarray(values, column.kind)
                dataset = h5py.h5d.open(file.id, column.path.encode())
                dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, data)
    return replace(layout, image=image.getvalue())


@lru_cache(maxsize=8)
def _layout(number: int, sizes: tuple[tuple[str, int], ...], long: bool) -> NewFile:
    """A file without slots whose columns hold zeros and no names.

    Most of a file's creation is its datasets and their attributes, the same in all runs of a
    network: they are made once in a process.
    """
    kind = KINDS[number]
    image = io.BytesIO()
    attributes = {
        "filetype": kind.filetype,
        "version": np.array(kind.version, dtype=np.int64),
        "status": "incomplete",
    }
    with h5py.File(image, "w", libver=LIBVER) as file:
        put_attributes(file.id, attributes)
        file.create_dataset(COMMITTED, data=np.int64(0))
        # coordinates first: every other dataset of a group is tied to them
        for column in sorted(kind.columns, key=lambda c: c.dims != (c.name,)):
            shape = shape_in(dict(sizes), column)
            _describe(file, column, _column(file, column, shape, long))
        rewritten = [COMMITTED, *(column.path for column in totals(kind))]
        places = {path: file[path].id.get_offset() for path in rewritten if file[path].size}
    return NewFile(image.getvalue(), places, attributes, dict(sizes))


def _column(file: h5py.File, column: Column, shape: tuple[int, ...], long: bool) -> h5py.Dataset:
    if column.grows or column.counter:
        packing = {"shuffle": True, "compression": "gzip", "compression_opts": 1}
        return file.create_dataset(
            column.path,
            shape=shape,
            maxshape=(None, *shape[1:]),
            chunks=chunk_of(shape[1:], long=long and column.grows),
            dtype=column.kind,
            fillvalue=column.fill,
            **({} if column.dims[0] in UNPACKED else packing),
        )
    # with its place in the file from the start: one that is missing makes a file unreadable
    if column.kind == "str":
        return file.create_dataset(column.path, data=[""] * shape[0], dtype=h5py.string_dtype())
    return file.create_dataset(column.path, data=np.zeros(shape, column.kind))


def _describe(file: h5py.File, column: Column, dataset: h5py.Dataset) -> None:
    dataset.attrs["long_name"] = column.meaning
    if column.units:
        dataset.attrs["units"] = column.units
    if column.flags:
        dataset.attrs["flag_values"] = np.arange(len(column.flags), dtype=np.uint8)
        dataset.attrs["flag_meanings"] = " ".join(column.flags)
    if column.volatile:
        dataset.attrs["volatile"] = np.uint8(1)
    if column.dims == (column.name,):
        dataset.make_scale(column.name)
    else:
        for axis, dim in enumerate(column.dims):
            dataset.dims[axis].attach_scale(file[f"{column.group}/{dim}"])
