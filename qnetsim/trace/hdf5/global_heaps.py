"""Look at HDF5's global heaps ahead of the library, which may read a damaged one for ever.

Names and provenance are texts of variable length and lie in global heaps, the one part of our
files that carries no checksum. The library walks through a heap object by object, and a size of
zero keeps it where it is.
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

from qnetsim.errors import TraceFormatError

# of the HDF5 file format: signature, version 1, three zeros, and the size of the collection
START = b"GCOL\x01\0\0\0"
HEADER = struct.Struct("<8sQ")
#: Index, reference count, four zeros, size.
OBJECT = struct.Struct("<HHIQ")


def refuse_broken_heaps(path: Path) -> None:
    """Refuse a file with a global heap in which the library would be lost.

    Raises
    ------
    TraceFormatError
    OSError
        The file cannot be read.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        start = data.find(START)
        while start >= 0:
            if not _sound(data, start):
                raise TraceFormatError(f"{path}: is damaged: its texts at byte {start} are broken")
            start = data.find(START, start + 1)


def _sound(data: mmap.mmap, start: int) -> bool:
    if start + HEADER.size > len(data):
        return False
    _, size = HEADER.unpack_from(data, start)
    end = start + size
    at = start + HEADER.size
    if end > len(data):
        return False
    while at + OBJECT.size <= end:
        index, _, _, length = OBJECT.unpack_from(data, at)
        # object 0 is the free space, whose size counts its own header
        step = length if index == 0 else OBJECT.size + -(-length // 8) * 8
        if step < OBJECT.size or at + step > end:
            return False
        at += step
    return True
