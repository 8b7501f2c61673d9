"""Change an HDF5 file that is in memory: no write can fail there, and none goes through Python."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import h5py

#: Bytes by which the memory grows.
STEP = 2**16
#: HDF5 takes files of equal names for the same one.
_numbers = itertools.count()


@dataclass
class FileInMemory:
    """A file that is changed.

    Attributes
    ----------
    id : h5py.h5f.FileID
        Open for reading and writing.
    image : bytes
        All of the file as it was before; once it is closed, as it is.
    """

    id: h5py.h5f.FileID
    image: bytes


@contextmanager
def changed_in_memory(image: bytes) -> Iterator[FileInMemory]:
    """Open a file that is given as its bytes; the new ones are there once the block is left."""
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_fclose_degree(h5py.h5f.CLOSE_STRONG)
    access.set_libver_bounds(h5py.h5f.LIBVER_V110, h5py.h5f.LIBVER_V110)
    access.set_fapl_core(STEP, False)
    access.set_file_image(image)
    # HDF5 refuses names of files that are there: none lies below what is no folder
    name = f"{os.devnull}/{next(_numbers)}".encode()
    file = FileInMemory(h5py.h5f.open(name, h5py.h5f.ACC_RDWR, access), image)
    try:
        yield file
        h5py.h5f.flush(file.id)
        # as if its writer had closed it
        file.image = file.id.get_file_image()
    finally:
        file.id.close()
