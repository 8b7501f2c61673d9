"""What is in a new file before its first slot: attributes, and every column at its start."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

from qnetsim.trace.digest import ContentDigest
from qnetsim.trace.hdf5.staged import LIBVER
from qnetsim.trace.schema import CHUNK_ROWS, VERSION, Column, FileKind

#: Columns across the fibres that share a chunk on disk.
CHUNK_FIBRES = 128


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
    """

    provenance: Mapping[str, Any]
    columns: Mapping[str, Any]
    attributes: Mapping[str, Any]


def empty_file(kind: FileKind, header: TraceHeader, digest: ContentDigest) -> bytes:
    """All bytes of a file without slots; the columns that do not grow are digested.

    It is made in memory: HDF5 does not survive a write that fails.
    """
    image = io.BytesIO()
    with h5py.File(image, "w", libver=LIBVER) as file:
        _create_objects(file, kind, header, digest)
    return image.getvalue()


def _create_objects(
    file: h5py.File, kind: FileKind, header: TraceHeader, digest: ContentDigest
) -> None:
    file.attrs["filetype"] = kind.filetype
    file.attrs["version"] = np.array(VERSION, dtype=np.int64)
    file.attrs["status"] = "incomplete"
    file.attrs["provenance"] = json.dumps(header.provenance)
    for name, value in header.attributes.items():
        file.attrs[name] = value
    file.create_dataset("committed_slots", data=np.int64(0))
    sizes = {
        c.name: len(header.columns[c.path])
        for c in kind.columns
        if c.dims == (c.name,) and not c.grows
    }
    # coordinates first: every other dataset of a group is tied to them
    for column in sorted(kind.columns, key=lambda c: c.dims != (c.name,)):
        shape = tuple(0 if dim == "slot" else sizes[dim] for dim in column.dims)
        dataset = _column(file, column, shape, header)
        if not column.grows and not column.running:
            digest.update(column, np.asarray(header.columns[column.path]))
        _describe(file, column, dataset)


def _column(
    file: h5py.File, column: Column, shape: tuple[int, ...], header: TraceHeader
) -> h5py.Dataset:
    if column.grows:
        return file.create_dataset(
            column.path,
            shape=shape,
            maxshape=(None, *shape[1:]),
            chunks=(CHUNK_ROWS, *(min(n, CHUNK_FIBRES) for n in shape[1:])),
            dtype=column.kind,
            shuffle=True,
            compression="gzip",
            compression_opts=1,
            fillvalue=column.fill,
        )
    if column.running:
        # with its place in the file from the start: one that is missing makes a file unreadable
        return file.create_dataset(column.path, data=np.zeros(shape, column.kind))
    kind = h5py.string_dtype() if column.kind == "str" else column.kind
    return file.create_dataset(column.path, data=header.columns[column.path], dtype=kind)


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
