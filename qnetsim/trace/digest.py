"""The content digest: what a trace says, whatever bytes the file holds it in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from qnetsim.trace.schema import CHUNK_ROWS, VERSION, Column, columns_in


class ColumnDigest:
    """SHA-256 over one column, fed in blocks of rows."""

    def __init__(self, column: Column) -> None:
        self._hash = hashlib.sha256(f"{column.path} {column.kind}".encode())
        self._kind = column.kind

    def update(self, block: npt.NDArray[Any], *, zeros: bool = False) -> None:
        """Add a block of at most ``CHUNK_ROWS`` rows; ``zeros`` says that all are zero."""
        shape = repr(block.shape).encode()
        if zeros:
            self._hash.update(b"zeros" + shape)
        else:
            self._hash.update(b"block" + shape)
            self._hash.update(np.ascontiguousarray(block, dtype=f"<{self._kind}").data)

    def update_text(self, values: Iterable[str]) -> None:
        """Add a column of names."""
        self._hash.update(json.dumps(list(values)).encode())

    def digest(self) -> bytes:
        """Digest of all blocks so far."""
        return self._hash.digest()


class ContentDigest:
    """Digest over all columns but the volatile ones."""

    def __init__(self, version: tuple[int, int] = VERSION) -> None:
        columns = columns_in(version)
        self._columns = {c.path: ColumnDigest(c) for c in columns if not c.volatile}

    def update(self, column: Column, values: npt.NDArray[Any]) -> None:
        """Add rows of a column, split into blocks of ``CHUNK_ROWS``.

        A column that grows must be given whole blocks in order; the last may be shorter.
        """
        if column.volatile:
            return
        if column.kind == "str":
            self._columns[column.path].update_text(str(v) for v in values)
            return
        for first in range(0, len(values), CHUNK_ROWS):
            block = values[first : first + CHUNK_ROWS]
            self.add(column, block, zeros=not block.any())

    def add(self, column: Column, block: npt.NDArray[Any], *, zeros: bool) -> None:
        """Add one block of at most ``CHUNK_ROWS`` rows, known to be all zeros or not."""
        if not column.volatile:
            self._columns[column.path].update(block, zeros=zeros)

    def hexdigest(self) -> str:
        """Digest of everything so far, hexadecimal."""
        total = hashlib.sha256()
        for path, entry in self._columns.items():
            total.update(path.encode() + entry.digest())
        return total.hexdigest()
