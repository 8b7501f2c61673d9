"""Changes that are about to be written to a file, kept at its end until they are.

A writer that dies between two of its writes leaves them there, and a reader makes them good. They
are deflated, so that nothing in them looks like a part of the file.
"""

from __future__ import annotations

import hashlib
import io
import os
import struct
import zlib
from typing import NamedTuple

MAGIC = b"qnsmjrnl"
#: At the very end: SHA-256 and size of what is ahead of it, and the magic.
TRAILER = struct.Struct("<32sQ8s")
#: Ahead of each piece: offset and size.
PIECE = struct.Struct("<QQ")
#: Most bytes that a journal takes; what completes a trace is far smaller.
MOST_BYTES = 2**26


class Piece(NamedTuple):
    """Bytes and where they belong."""

    start: int
    data: bytes


def packed_journal(pieces: list[Piece]) -> bytes:
    """The bytes to be put at the end of the file."""
    plain = b"".join(PIECE.pack(start, len(data)) + data for start, data in pieces)
    body = zlib.compress(plain, 1)
    return body + TRAILER.pack(hashlib.sha256(body).digest(), len(body), MAGIC)


def read_journal(file: io.FileIO) -> list[Piece]:
    """Pieces at the end of a file; none where it has no whole journal.

    Raises
    ------
    OSError
    """
    end = file.seek(0, os.SEEK_END)
    if end < TRAILER.size:
        return []
    file.seek(end - TRAILER.size)
    digest, size, magic = TRAILER.unpack(_exactly(file, TRAILER.size))
    if magic != MAGIC or size > min(MOST_BYTES, end - TRAILER.size):
        return []
    file.seek(end - TRAILER.size - size)
    body = _exactly(file, size)
    if hashlib.sha256(body).digest() != digest:
        return []
    unpacker = zlib.decompressobj()
    try:
        plain = unpacker.decompress(body, MOST_BYTES)
    except zlib.error:
        return []
    return [] if unpacker.unconsumed_tail else _pieces(plain)


def _pieces(plain: bytes) -> list[Piece]:
    found = []
    at = 0
    while at + PIECE.size <= len(plain):
        start, size = PIECE.unpack_from(plain, at)
        at += PIECE.size
        found.append(Piece(start, plain[at : at + size]))
        at += size
    return found


def _exactly(file: io.FileIO, size: int) -> bytes:
    data = b""
    while len(data) < size and (more := file.read(size - len(data))):
        data += more
    return data.ljust(size, b"\0")
