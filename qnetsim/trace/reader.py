"""Read a trace lazily; refuse what is not one, by name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np
import numpy.typing as npt

from qnetsim.errors import TraceError, TraceFormatError
from qnetsim.trace.digest import ContentDigest
from qnetsim.trace.recover import UnclosedFile, is_marked_open
from qnetsim.trace.schema import BY_PATH, CHUNK_ROWS, COLUMNS, FILETYPE, VERSION


class Trace:
    """An open trace. Nothing is read before it is asked for.

    Attributes
    ----------
    path : Path
    slots : int
        Slots that are completely in the file.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._closing = ExitStack()
        self._file = _open(self.path, self._closing)
        try:
            _check_format(self.path, self._file)
            self.slots = int(self._file["committed_slots"][()])
        except TraceError:
            self.close()
            raise
        except (KeyError, OSError, ValueError, RuntimeError) as error:
            self.close()
            raise TraceFormatError(f"{self.path}: is damaged: {error}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._closing.close()

    def __repr__(self) -> str:
        return f"Trace({str(self.path)!r}, slots={self.slots}, status={self.status!r})"

    def attribute(self, name: str) -> str:
        """Return a root attribute as text; empty where the file has none."""
        try:
            return str(self._file.attrs.get(name, ""))
        except (OSError, RuntimeError) as error:
            raise TraceFormatError(f"{self.path}: attribute {name}: {error}") from None

    @property
    def status(self) -> str:
        """``complete``, ``interrupted``, ``failed``, or ``incomplete`` after a kill."""
        return self.attribute("status")

    @property
    def policy(self) -> str:
        """Title of the policy."""
        return str(self.provenance["policy"]["title"])

    @property
    def replication(self) -> int:
        """Number of the replication."""
        return int(self.provenance["replication"])

    @property
    def provenance(self) -> dict[str, Any]:
        """Software, scenario, seed, policy, plan and environment."""
        try:
            found = json.loads(self.attribute("provenance"))
        except json.JSONDecodeError as error:
            raise TraceFormatError(f"{self.path}: provenance is damaged: {error}") from None
        return dict(found)

    def column(self, path: str, first: int = 0, end: int | None = None) -> npt.NDArray[Any]:
        """Read a column, for example ``"slots/served"``.

        Parameters
        ----------
        path : str
            Group and name; see the reference of the trace format.
        first, end : int
            Rows to read; all committed rows by default.

        Raises
        ------
        TraceFormatError
            The column is missing or cannot be read.
        """
        column = BY_PATH.get(path)
        if column is None:
            raise TraceFormatError(f"{path!r} is not a column; see docs/reference/trace-format.md")
        try:
            dataset = self._file[path]
            if column.grows:
                end = self.slots if end is None else min(end, self.slots)
            if column.kind == "str":
                return np.asarray(dataset.asstr()[first:end], dtype=object)
            return np.asarray(dataset[first:end])
        except (KeyError, OSError, ValueError, RuntimeError, UnicodeDecodeError) as error:
            raise TraceFormatError(f"{self.path}: column {path} is damaged: {error}") from None

    def blocks(self, path: str) -> Iterator[npt.NDArray[Any]]:
        """Read a growing column block by block."""
        for first in range(0, self.slots, CHUNK_ROWS):
            yield self.column(path, first, first + CHUNK_ROWS)

    def content_digest(self) -> str:
        """Work out the content digest from the tables."""
        digest = ContentDigest()
        for column in COLUMNS:
            if column.grows:
                for block in self.blocks(column.path):
                    digest.update(column, block)
            else:
                digest.update(column, self.column(column.path))
        return digest.hexdigest()


def open_trace(path: Path | str) -> Trace:
    """Open a trace for reading.

    Raises
    ------
    TraceError
        No such file, or not readable.
    TraceFormatError
        Not a trace, a damaged one, or one of another major version.
    """
    return Trace(path)


def _open(path: Path, closing: ExitStack) -> h5py.File:
    if not path.exists():
        raise TraceError(f"{path}: no such trace")
    if not path.is_file():
        raise TraceError(f"{path}: is not a file")
    if not h5py.is_hdf5(path):
        raise TraceFormatError(f"{path}: is not an HDF5 file, so not a qnetsim trace")
    try:
        return closing.enter_context(h5py.File(path, "r"))
    except OSError as first:
        try:
            if is_marked_open(path):
                raw = closing.enter_context(UnclosedFile(path))
                return closing.enter_context(h5py.File(raw, "r"))
        except OSError:
            closing.close()
        raise TraceFormatError(f"{path}: cannot be opened: {first}") from None


def _check_format(path: Path, file: h5py.File) -> None:
    filetype = file.attrs.get("filetype")
    if filetype != FILETYPE:
        raise TraceFormatError(
            f"{path}: is HDF5 but not a qnetsim trace (filetype is {filetype!r}, "
            f"must be {FILETYPE!r})"
        )
    version = np.ravel(np.asarray(file.attrs.get("version", ()))).tolist()
    if len(version) != 2 or not all(isinstance(part, int) for part in version):
        raise TraceFormatError(f"{path}: has no valid format version (got {version!r})")
    major = int(version[0])
    if major > VERSION[0]:
        raise TraceFormatError(
            f"{path}: format {version[0]}.{version[1]} is newer than {VERSION[0]}.x, which this "
            "version of qnetsim reads; install a newer qnetsim"
        )
    if major < VERSION[0]:
        raise TraceFormatError(
            f"{path}: format {version[0]}.{version[1]} is older than {VERSION[0]}.x, which this "
            "version of qnetsim reads; read it with an older qnetsim"
        )
