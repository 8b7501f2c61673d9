"""Attributes of a file's root, without h5py's objects, which take longer than the attributes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import h5py
import numpy as np

_TEXT = h5py.string_dtype()


def put_attributes(file: h5py.h5f.FileID, values: Mapping[str, Any]) -> None:
    """Give the root these attributes, in place of those of the same names.

    Parameters
    ----------
    file : h5py.h5f.FileID
    values : mapping
        Text, numbers and arrays of numbers; they are stored as ``h5py.File.attrs`` stores them.
    """
    for name, value in values.items():
        key = name.encode()
        if h5py.h5a.exists(file, key):
            h5py.h5a.delete(file, key)
        text = isinstance(value, str)
        data = np.asarray(value, dtype=_TEXT if text else None)
        kind = _text_type() if text else h5py.h5t.py_create(data.dtype, logical=True)
        space = h5py.h5s.create_simple(data.shape) if data.shape else _scalar()
        h5py.h5a.create(file, key, kind, space).write(data)


@lru_cache(maxsize=1)
def _text_type() -> h5py.h5t.TypeID:
    return h5py.h5t.py_create(_TEXT, logical=True)


@lru_cache(maxsize=1)
def _scalar() -> h5py.h5s.SpaceID:
    return h5py.h5s.create(h5py.h5s.SCALAR)
