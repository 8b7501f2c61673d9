"""Look at HDF5's global heaps ahead of the library, which may read a damaged one for ever.

Names and provenance are texts of variable length and lie in global heaps, the one part of our
files that carries no checksum. The library walks through a heap object by object, and a size of
zero keeps it where it is.
"""

from __future__ import annotations

import mmap
import struct
from functools import lru_cache
from pathlib import Path

from qnetsim.errors import TraceFormatError

# of the HDF5 file format: signature, version 1, three zeros, and the size of the collection
START = b"GCOL\x01\0\0\0"
HEADER = struct.Struct("<8sQ")
#: Index, reference count and four zeros, size.
OBJECT = struct.Struct("<H6xQ")
#: Largest heap that is remembered as sound.
MOST_KEPT = 2**16


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
    if end > len(data):
        return False
    if size <= MOST_KEPT:
        return _leads_through(data[start:end])
    with memoryview(data) as view, view[start:end] as heap:
        return _leads_through.__wrapped__(heap)


@lru_cache(maxsize=64)
def _leads_through(heap: bytes | memoryview) -> bool:
    """Whether every object of a heap has a size that leads to the next one, up to its end.

    Heaps of names are remembered: most files of a comparison hold the same.
    """
    at, end = HEADER.size, len(heap)
    unpack = OBJECT.unpack_from
    while at + OBJECT.size <= end:
        index, length = unpack(heap, at)
        # object 0 is the free space, whose size counts its own header
        step = length if index == 0 else OBJECT.size + (length + 7 & ~7)
        if step < OBJECT.size or at + step > end:
            return False
        at += step
    return True
