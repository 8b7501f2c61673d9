"""Digests of a trace: of what it says, and of all that the file holds.

The content digest is the contract between machines: it leaves wall-clock columns out and does not
depend on the bytes that hold the values. The file digest covers those columns and the root
attributes too, so that no number and no word of a trace can be changed unnoticed.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from qnetsim.trace.column import Column
from qnetsim.trace.schema import CHUNK_ROWS, TRACE, FileKind

#: The format from which on a column's blocks are hashed one by one, then their digests.
BLOCKWISE = (1, 2)

#: Numbers of a large block, of which some rows, every so many, are looked at ahead of all.
LARGE = 2**13
SOME_ROWS = 64


def is_blank(block: npt.NDArray[Any], fill: int) -> bool:
    """Whether all numbers of a block, of which it has one at least, are the fill value."""
    # most blocks that are not blank show it in their first number
    if block.item(0) != fill:
        return False
    if block.strides[0] == 0:
        # one row that stands for all
        block = block[:1]
    if block.size > LARGE and not _all_are(block[::SOME_ROWS], fill):
        return False
    return _all_are(block, fill)


def _all_are(block: npt.NDArray[Any], fill: int) -> bool:
    if fill or block.dtype.kind == "f":
        return not np.count_nonzero(block != fill)
    return not np.bitwise_or.reduce(block, axis=None)


def hash_of(rows: npt.NDArray[Any]) -> bytes:
    """SHA-256 of rows as they are stored, without gaps."""
    if sys.byteorder == "big":
        rows = rows.astype(rows.dtype.newbyteorder("<"))
    return hashlib.sha256(rows.data).digest()


class ColumnDigest:
    """SHA-256 over one column, fed in blocks of rows."""

    def __init__(self, column: Column, *, blockwise: bool) -> None:
        self._hash = hashlib.sha256(f"{column.path} {column.kind}".encode())
        self._dtype = np.dtype(f"<{column.kind}") if column.kind != "str" else None
        self._blockwise = blockwise
        self._shape: tuple[int, ...] | None = None
        self._shape_text = b""

    def update(self, block: npt.NDArray[Any]) -> None:
        """Add a block of at most ``CHUNK_ROWS`` rows."""
        rows = np.ascontiguousarray(block, dtype=self._dtype)
        if self._blockwise:
            self.update_hashed(block.shape, hash_of(rows))
        else:
            self._hash.update(b"block" + self._text(block.shape))
            self._hash.update(rows.data)

    def update_hashed(self, shape: tuple[int, ...], digest: bytes) -> None:
        """Add a block of this shape and SHA-256, in a format that hashes block by block."""
        self._hash.update(b"block" + self._text(shape) + digest)

    def update_blank(self, shape: tuple[int, ...]) -> None:
        """Add a block that holds the fill value only."""
        self._hash.update(b"zeros" + self._text(shape))

    def update_blank_rows(self, count: int, width: tuple[int, ...]) -> None:
        """Add so many rows that hold the fill value only, as blocks of ``CHUNK_ROWS``."""
        full, rest = divmod(count, CHUNK_ROWS)
        if full:
            self._hash.update((b"zeros" + self._text((CHUNK_ROWS, *width))) * full)
        if rest:
            self.update_blank((rest, *width))

    def _text(self, shape: tuple[int, ...]) -> bytes:
        if shape != self._shape:
            self._shape, self._shape_text = shape, repr(shape).encode()
        return self._shape_text

    def update_text(self, values: Iterable[str]) -> None:
        """Add a column of names."""
        self._hash.update(json.dumps(list(values)).encode())

    def digest(self) -> bytes:
        """Digest of all blocks so far."""
        return self._hash.digest()


class ContentDigest:
    """Digest over all columns, the volatile ones apart."""

    def __init__(self, version: tuple[int, int] | None = None, kind: FileKind = TRACE) -> None:
        blockwise = (version or kind.version) >= BLOCKWISE
        self._columns = {
            c.path: ColumnDigest(c, blockwise=blockwise)
            for c in kind.columns_in(version or kind.version)
        }
        self._volatile = {c.path for c in kind.columns if c.volatile}

    def of(self, column: Column) -> ColumnDigest:
        """Digest of one column, to be fed by itself."""
        return self._columns[column.path]

    def update(self, column: Column, values: npt.NDArray[Any]) -> None:
        """Add rows of a column, split into blocks of ``CHUNK_ROWS``.

        A column that grows must be given whole blocks in order; the last may be shorter.
        """
        if column.kind == "str":
            self._columns[column.path].update_text(str(v) for v in values)
            return
        for first in range(0, len(values), CHUNK_ROWS):
            block = values[first : first + CHUNK_ROWS]
            if not block.size or is_blank(block, column.fill):
                self.add_blank(column, block.shape)
            else:
                self.add(column, block)

    def add(self, column: Column, block: npt.NDArray[Any]) -> None:
        """Add one block of at most ``CHUNK_ROWS`` rows, not all of them the fill value."""
        self._columns[column.path].update(block)

    def add_blank(self, column: Column, shape: tuple[int, ...]) -> None:
        """Add one block of at most ``CHUNK_ROWS`` rows that hold the fill value only."""
        self._columns[column.path].update_blank(shape)

    def hexdigest(self) -> str:
        """Content digest of everything so far, hexadecimal."""
        parts = [
            path.encode() + entry.digest()
            for path, entry in self._columns.items()
            if path not in self._volatile
        ]
        return hashlib.sha256(b"".join(parts)).hexdigest()

    def file_hexdigest(self, attributes: Mapping[str, Any]) -> str:
        """File digest of everything so far and of the root attributes; hexadecimal.

        Parameters
        ----------
        attributes : mapping
            As h5py gives them; ``file_digest`` itself is left out.
        """
        total = hashlib.sha256(self.hexdigest().encode())
        for path in sorted(self._volatile & self._columns.keys()):
            total.update(path.encode() + self._columns[path].digest())
        for name in sorted(attributes.keys() - {"file_digest"}):
            value = np.asarray(attributes[name]).tolist()
            total.update(json.dumps([name, value], default=repr).encode())
        return total.hexdigest()
