"""What the header of an HDF5 object says, beside where its values are: types and messages."""

from __future__ import annotations

from collections.abc import Iterator

import h5py
import numpy as np

#: Messages of object headers in the HDF5 file format that files of ours have, by number: what
#: describes groups, links, types, spaces, layouts, filters and attributes. Comments (13) and times
#: of modification (14, 18) are not among them.
HEADER_MESSAGES = frozenset({0, 1, 2, 3, 5, 6, 8, 10, 11, 12, 16, 17, 21, 22})
#: Number of the message that holds a comment.
COMMENT = 13


def foreign_messages(entry: h5py.Group | h5py.Dataset, path: str) -> Iterator[str]:
    """Comments, and whatever else the header of an object can carry."""
    present = int(h5py.h5o.get_info(entry.id).hdr.mesg.present)
    found = {number for number in range(64) if present >> number & 1} - HEADER_MESSAGES
    if found:
        what = "a comment" if COMMENT in found else f"header messages {sorted(found)}"
        yield f"{path} has {what}, which the format does not have"


def has_type(entry: h5py.h5d.DatasetID | h5py.h5a.AttrID, kind: str) -> bool:
    """Whether values are stored as plain numbers of this kind, or as text for ``str``.

    A type can carry names for its values, which other readers show.
    """
    if kind == "str":
        return h5py.check_string_dtype(entry.dtype) is not None
    return bool(entry.get_type().equal(h5py.h5t.py_create(np.dtype(kind))))
