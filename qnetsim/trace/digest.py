"""Digests of a trace: of what it says, and of all that the file holds.

The content digest is the contract between machines: it leaves wall-clock columns out and does not
depend on the bytes that hold the values. The file digest covers those columns and the root
attributes too, so that no number and no word of a trace can be changed unnoticed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from qnetsim.trace.column import Column
from qnetsim.trace.schema import CHUNK_ROWS, TRACE, FileKind

#: The format from which on a column's blocks are hashed one by one, then their digests.
BLOCKWISE = (1, 2)


class ColumnDigest:
    """SHA-256 over one column, fed in blocks of rows."""

    def __init__(self, column: Column, *, blockwise: bool) -> None:
        self._hash = hashlib.sha256(f"{column.path} {column.kind}".encode())
        self._dtype = np.dtype(f"<{column.kind}") if column.kind != "str" else None
        self._blockwise = blockwise
        self._last = b""
        self._shape: tuple[int, ...] | None = None
        self._shape_text = b""

    def update(self, block: npt.NDArray[Any], *, same: bool = False) -> None:
        """Add a block of at most ``CHUNK_ROWS`` rows; ``same`` says it repeats the one before."""
        head = b"block" + self._text(block.shape)
        if not (same and self._last):
            data = np.ascontiguousarray(block, dtype=self._dtype).data
            if not self._blockwise:
                self._hash.update(head)
                self._hash.update(data)
                return
            self._last = hashlib.sha256(data).digest()
        self._hash.update(head + self._last)

    def update_blank(self, shape: tuple[int, ...]) -> None:
        """Add a block that holds the fill value only."""
        self._hash.update(b"zeros" + self._text(shape))

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
        version = version or kind.version
        self._columns = {
            c.path: ColumnDigest(c, blockwise=version >= BLOCKWISE)
            for c in kind.columns_in(version)
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
            if (block != column.fill).any():
                self.add(column, block)
            else:
                self.add_blank(column, block.shape)

    def add(self, column: Column, block: npt.NDArray[Any], *, same: bool = False) -> None:
        """Add one block of at most ``CHUNK_ROWS`` rows, not all of them the fill value."""
        self._columns[column.path].update(block, same=same)

    def add_blank(self, column: Column, shape: tuple[int, ...]) -> None:
        """Add one block of at most ``CHUNK_ROWS`` rows that hold the fill value only."""
        self._columns[column.path].update_blank(shape)

    def hexdigest(self) -> str:
        """Content digest of everything so far, hexadecimal."""
        total = hashlib.sha256()
        for path, entry in self._columns.items():
            if path not in self._volatile:
                total.update(path.encode() + entry.digest())
        return total.hexdigest()

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
