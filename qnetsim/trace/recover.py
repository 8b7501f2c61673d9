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


class UnclosedFile(io.FileIO):
    """A file object that shows a repaired superblock."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "rb")
        head = self.read(SUPERBLOCK.size)
        fields = list(SUPERBLOCK.unpack(head))
        fields[4] = 0
        fields[7] = path.stat().st_size
        block = SUPERBLOCK.pack(*fields)
        self._head = block + CHECKSUM.pack(lookup3(block))
        self.seek(0)

    def readinto(self, buffer: Any) -> int:
        """Read, with the first bytes replaced."""
        start = self.tell()
        count = super().readinto(buffer) or 0
        if start < SIZE and count:
            end = min(start + count, SIZE)
            memoryview(buffer).cast("B")[: end - start] = self._head[start:end]
        return count


def _rotate(value: int, bits: int) -> int:
    return ((value << bits) | (value >> (32 - bits))) & 0xFFFFFFFF


def lookup3(data: bytes) -> int:
    """Jenkins' lookup3 hash, the checksum of HDF5 metadata."""
    mask = 0xFFFFFFFF
    a = b = c = (0xDEADBEEF + len(data)) & mask
    if not data:
        return c
    words = struct.unpack(
        f"<{-(-len(data) // 12) * 3}I", data.ljust(-(-len(data) // 12) * 12, b"\0")
    )
    last = len(words) - 3
    for i in range(0, last, 3):
        a, b, c = (a + words[i]) & mask, (b + words[i + 1]) & mask, (c + words[i + 2]) & mask
        a = ((a - c) & mask) ^ _rotate(c, 4)
        c = (c + b) & mask
        b = ((b - a) & mask) ^ _rotate(a, 6)
        a = (a + c) & mask
        c = ((c - b) & mask) ^ _rotate(b, 8)
        b = (b + a) & mask
        a = ((a - c) & mask) ^ _rotate(c, 16)
        c = (c + b) & mask
        b = ((b - a) & mask) ^ _rotate(a, 19)
        a = (a + c) & mask
        c = ((c - b) & mask) ^ _rotate(b, 4)
        b = (b + a) & mask
    a, b, c = (a + words[last]) & mask, (b + words[last + 1]) & mask, (c + words[last + 2]) & mask
    c = ((c ^ b) - _rotate(b, 14)) & mask
    a = ((a ^ c) - _rotate(c, 11)) & mask
    b = ((b ^ a) - _rotate(a, 25)) & mask
    c = ((c ^ b) - _rotate(b, 16)) & mask
    a = ((a ^ c) - _rotate(c, 4)) & mask
    b = ((b ^ a) - _rotate(a, 14)) & mask
    c = ((c ^ b) - _rotate(b, 24)) & mask
    return int(c)
