"""Read a trace whose writer was killed, without touching the file.

A killed SWMR writer leaves the superblock marked as open, with an end-of-file address that may
lag behind. HDF5's own SWMR reading copes with both, but retries every damaged piece of metadata
for minutes. So the file is presented with a repaired superblock and read in the ordinary way,
where damage is an error at once.
"""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

from qnetsim.trace.hdf5.journal import Piece, read_journal

# superblock version 3 of the HDF5 file format: signature, version, two sizes, flags, and the
# addresses of base, extension, end of file and root group, then a checksum of all that
SIGNATURE = b"\x89HDF\r\n\x1a\n"
SUPERBLOCK = struct.Struct("<8sBBBBQQQQ")
CHECKSUM = struct.Struct("<I")
SIZE = SUPERBLOCK.size + CHECKSUM.size


def is_marked_open(path: Path) -> bool:
    """Whether the file is an HDF5 file that its writer did not close."""
    with path.open("rb") as file:
        head = file.read(SIZE)
    if len(head) < SIZE or not head.startswith(SIGNATURE):
        return False
    _, version, _, _, flags, *_ = SUPERBLOCK.unpack_from(head)
    return bool(version == 3 and flags)


def end_of_file(path: Path) -> int | None:
    """Where HDF5 itself says that a file ends, in bytes; None for another superblock than ours."""
    with path.open("rb") as file:
        head = file.read(SUPERBLOCK.size)
    if len(head) < SUPERBLOCK.size or not head.startswith(SIGNATURE):
        return None
    _, version, *_, end, _ = SUPERBLOCK.unpack_from(head)
    return int(end) if version in {2, 3} else None


def repaired_superblock(head: bytes, size: int) -> bytes:
    """The first ``SIZE`` bytes as a writer that closed its file of ``size`` bytes leaves them."""
    fields = list(SUPERBLOCK.unpack(head[: SUPERBLOCK.size]))
    fields[4] = 0
    fields[7] = size
    block = SUPERBLOCK.pack(*fields)
    return block + CHECKSUM.pack(lookup3(block))


class UnclosedFile(io.FileIO):
    """A file object that shows a repaired superblock, and changes that were about to be written."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "rb")
        try:
            self._pieces = read_journal(self)
            if not self._pieces:
                self.seek(0)
                head = repaired_superblock(self.read(SIZE), path.stat().st_size)
                self._pieces = [Piece(0, head)]
            self.seek(0)
        except BaseException:
            self.close()
            raise

    def readinto(self, buffer: Any) -> int:
        """Read, with the repaired bytes in place of those in the file."""
        first = self.tell()
        count = super().readinto(buffer) or 0
        view = memoryview(buffer).cast("B")
        for start, data in self._pieces:
            low = max(first, start)
            high = min(first + count, start + len(data))
            if low < high:
                view[low - first : high - first] = data[low - start : high - start]
        return count


MASK = 0xFFFFFFFF


def _rotate(value: int, bits: int) -> int:
    return ((value << bits) | (value >> (32 - bits))) & MASK


def lookup3(data: bytes) -> int:
    """Jenkins' lookup3 hash, the checksum of HDF5 metadata; of at least one byte."""
    blocks = -(-len(data) // 12)
    words = struct.unpack(f"<{3 * blocks}I", data.ljust(12 * blocks, b"\0"))
    a = b = c = (0xDEADBEEF + len(data)) & MASK
    for block in range(blocks):
        a, b, c = ((x + y) & MASK for x, y in zip((a, b, c), words[3 * block :], strict=False))
        if block == blocks - 1:
            break
        for bits in (4, 6, 8, 16, 19, 4):
            a = ((a - c) & MASK) ^ _rotate(c, bits)
            a, b, c = b, (c + b) & MASK, a
    for bits in (14, 11, 25, 16, 4, 14, 24):
        c = ((c ^ b) - _rotate(b, bits)) & MASK
        a, b, c = b, c, a
    return b
