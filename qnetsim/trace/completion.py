"""Complete a file: status and digests, after whatever was not committed is cut off."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

import h5py
import numpy as np
import numpy.typing as npt

from qnetsim.trace.contents import committed_rows
from qnetsim.trace.digest import ContentDigest
from qnetsim.trace.hdf5.new_objects import put_attributes
from qnetsim.trace.hdf5.row_writer import LastRows
from qnetsim.trace.hdf5.staged import LIBVER, StagedFile
from qnetsim.trace.schema import CHUNK_ROWS, FileKind, totals


@dataclass(frozen=True)
class Ending:
    """How a file ends.

    Attributes
    ----------
    status : {"complete", "interrupted", "failed"}
    slots : int
        Slots that were committed.
    size : int
        Bytes that the file had at that commit.
    totals : mapping
        Running totals after these slots, by name.
    attributes : mapping
        Root attributes that the file was made with.
    world_digest : str
    tasks : str
        What is told of FEL tasks, as JSON; empty where there is none.
    digest : ContentDigest or None
        Over all columns but the running totals; None where a write was cut short, so that the
        file must be read again.
    last_rows : mapping
        By path, the rows of columns with a counter that are not in the file yet.
    """

    status: Literal["complete", "interrupted", "failed"]
    slots: int
    size: int
    totals: Mapping[str, npt.NDArray[Any]]
    attributes: Mapping[str, Any]
    world_digest: str
    tasks: str
    digest: ContentDigest | None
    last_rows: Mapping[str, LastRows]


def complete(handle: int, kind: FileKind, ending: Ending) -> ContentDigest:
    """Complete a file that HDF5 no longer has open; a failure leaves it as it is.

    Parameters
    ----------
    handle : int
        File descriptor, open for reading and writing.
    kind : FileKind
    ending : Ending

    Returns
    -------
    ContentDigest
        Over the whole content.

    Raises
    ------
    OSError, RuntimeError, ValueError, KeyError
    """
    if ending.digest is None:
        # mostly nothing that counts lies behind the last commit, and what does not gives its room
        with suppress(OSError, RuntimeError, ValueError, KeyError):
            return _complete(StagedFile(handle, ending.size), kind, ending)
    return _complete(StagedFile(handle), kind, ending)


def _complete(staged: StagedFile, kind: FileKind, ending: Ending) -> ContentDigest:
    with h5py.File(staged, "r+", libver=LIBVER) as file:
        for path, (first, values) in ending.last_rows.items():
            file[path].resize(first + len(values), axis=0)
            file[path][first:] = values
        digest = ending.digest or _cut(file, kind, ending)
        for column in totals(kind):
            digest.update(column, np.asarray(ending.totals[column.name]))
        changed = {
            "status": ending.status,
            "content_digest": digest.hexdigest(),
            "world_digest": ending.world_digest,
            **({"tasks": ending.tasks} if ending.tasks else {}),
        }
        changed["file_digest"] = digest.file_hexdigest({**ending.attributes, **changed})
        # this opens the heap in which there is room for the texts
        file.attrs["status"]
        put_attributes(file.id, changed)
    staged.apply()
    return digest


def _cut(file: h5py.File, kind: FileKind, ending: Ending) -> ContentDigest:
    """Cut off what was not committed, and digest what stays."""
    digest = ContentDigest(kind=kind)
    file["committed_slots"][...] = ending.slots
    for column in kind.columns:
        dataset = file[column.path]
        if column.grows:
            dataset.resize(ending.slots, axis=0)
            for first in range(0, ending.slots, CHUNK_ROWS):
                digest.update(column, dataset[first : first + CHUNK_ROWS])
        elif column.counter:
            # its counter stands ahead of it, and is cut already
            rows = committed_rows(file, column, ending.slots)
            dataset.resize(rows, axis=0)
            for first in range(0, rows, CHUNK_ROWS):
                digest.update(column, dataset[first : first + CHUNK_ROWS])
        elif column.running:
            dataset[...] = ending.totals[column.name]
        elif column.kind == "str":
            digest.update(column, dataset.asstr()[...])
        else:
            digest.update(column, dataset[...])
    return digest
