"""Attributes and datasets, made without h5py's objects, which take longer than these do."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

TEXT = h5py.string_dtype()


def put_attributes(owner: h5py.h5f.FileID | h5py.h5d.DatasetID, values: Mapping[str, Any]) -> None:
    """Give a file's root or a dataset these attributes, in place of those of the same names.

    Parameters
    ----------
    owner : h5py.h5f.FileID or h5py.h5d.DatasetID
    values : mapping
        Text, numbers and arrays of numbers; they are stored as ``attrs`` of h5py stores them.
    """
    for name, value in values.items():
        key = name.encode()
        if h5py.h5a.exists(owner, key):
            h5py.h5a.delete(owner, key)
        data = np.asarray(value, dtype=TEXT if isinstance(value, str) else None)
        h5py.h5a.create(owner, key, type_of(data.dtype), space_of(data.shape)).write(data)


@lru_cache(maxsize=16)
def type_of(kind: np.dtype[Any]) -> h5py.h5t.TypeID:
    """Type of HDF5 for one of numpy."""
    return h5py.h5t.py_create(kind, logical=True)


@lru_cache(maxsize=16)
def space_of(shape: tuple[int, ...]) -> h5py.h5s.SpaceID:
    """Space of HDF5 for a shape that stays."""
    return h5py.h5s.create_simple(shape) if shape else h5py.h5s.create(h5py.h5s.SCALAR)


def new_dataset(group: h5py.h5g.GroupID, name: str, values: npt.NDArray[Any]) -> h5py.h5d.DatasetID:
    """Make a dataset that stays as it is."""
    kind, space = type_of(values.dtype), space_of(values.shape)
    dataset = h5py.h5d.create(group, name.encode(), kind, space, _properties())
    dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, values)
    return dataset


def growing_dataset(
    group: h5py.h5g.GroupID,
    name: str,
    kind: str,
    shape: tuple[int, ...],
    *,
    chunk: tuple[int, ...],
    packed: bool,
    fill: int,
) -> h5py.h5d.DatasetID:
    """Make a dataset that grows along its first axis, chunk by chunk."""
    space = h5py.h5s.create_simple(shape, (h5py.h5s.UNLIMITED, *shape[1:]))
    properties = _properties(chunk, packed, fill)
    return h5py.h5d.create(group, name.encode(), type_of(np.dtype(kind)), space, properties)


@lru_cache(maxsize=64)
def _properties(
    chunk: tuple[int, ...] | None = None, packed: bool = False, fill: int | None = None
) -> h5py.h5p.PropDCID:
    """Properties of new datasets; no times are kept of them."""
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    if chunk is not None:
        properties.set_chunk(chunk)
    if packed:
        properties.set_shuffle()
        properties.set_deflate(1)
    if fill is not None:
        properties.set_fill_value(np.array(fill))
    properties.set_obj_track_times(False)
    return properties
