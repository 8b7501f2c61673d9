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

from qnetsim.errors import TraceError, TraceFormatError, UsageError
from qnetsim.trace.digest import ContentDigest
from qnetsim.trace.files import is_hdf5
from qnetsim.trace.recover import UnclosedFile, is_marked_open
from qnetsim.trace.schema import BY_PATH, CHUNK_ROWS, FILETYPE, VERSION, Column, columns_in

#: Blocks of rows that are read together.
BLOCKS_AT_ONCE = 32


class Trace:
    """An open trace. Nothing is read before it is asked for.

    Attributes
    ----------
    path : Path
    slots : int
        Slots that are completely in the file.
    provenance : dict
        Software, scenario, seed, policy, plan and environment.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._closing = ExitStack()
        self._version: tuple[int, int] | None = None
        self._file = _open(self.path, self._closing)
        try:
            _check_format(self.path, self._file)
            self.slots = _committed(self.path, self._file)
            _check_columns(self.path, self._file, self.version, self.slots)
            self.provenance = _provenance(self.path, self._file)
        except TraceError:
            self.close()
            raise
        except (KeyError, OSError, ValueError, TypeError, AttributeError, RuntimeError) as error:
            self.close()
            reason = " ".join(str(error).split())
            raise TraceFormatError(f"{self.path}: is damaged: {reason}") from None

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
    def version(self) -> tuple[int, int]:
        """Version of the format that the file is written in."""
        if self._version is None:
            major, minor = np.ravel(np.asarray(self._file.attrs["version"])).tolist()
            self._version = int(major), int(minor)
        return self._version

    @property
    def policy(self) -> str:
        """Title of the policy."""
        return str(self.provenance["policy"]["title"])

    @property
    def replication(self) -> int:
        """Number of the replication."""
        return int(self.provenance["replication"])

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
            if column.grows:
                end = self.slots if end is None else min(end, self.slots)
            if column.since > self.version:
                return self._filled(column, first, end)
            dataset = self._file[path]
            if column.kind == "str":
                return np.asarray(dataset.asstr()[first:end], dtype=object)
            return np.asarray(dataset[first:end])
        except (KeyError, OSError, ValueError, RuntimeError, UnicodeDecodeError) as error:
            raise TraceFormatError(f"{self.path}: column {path} is damaged: {error}") from None

    def _filled(self, column: Column, first: int, end: int | None) -> npt.NDArray[Any]:
        """What a column reads as that the file's format does not have yet."""
        known = {"fibre": "fibres/fibre", "request": "world/request", "group": "world/group"}
        rows = max(self.slots if end is None else end, first) - first
        shape = [
            rows if dim == "slot" else len(self._file[known[dim]]) if dim in known else 0
            for dim in column.dims
        ]
        if column.kind == "str":
            return np.zeros(shape, dtype=object)
        if column.dims == (column.name,):
            return np.arange(shape[0], dtype=column.kind)
        return np.full(shape, column.fill, dtype=column.kind)

    def blocks(self, path: str) -> Iterator[npt.NDArray[Any]]:
        """Read a growing column in blocks of ``CHUNK_ROWS`` rows, the last one shorter."""
        # one read for many blocks: opening a dataset costs more than a narrow block
        rows = CHUNK_ROWS * BLOCKS_AT_ONCE
        for start in range(0, self.slots, rows):
            part = self.column(path, start, start + rows)
            for first in range(0, len(part), CHUNK_ROWS):
                yield part[first : first + CHUNK_ROWS]

    def content_digest(self, version: tuple[int, int] | None = None) -> str:
        """Work out the content digest from the tables.

        Parameters
        ----------
        version : (int, int), optional
            A format: the digest over its columns only. That of the file unless given.
        """
        version = version or self.version
        digest = ContentDigest(version)
        for column in columns_in(version):
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
    try:
        if not path.exists():
            raise UsageError(f"{path}: no such trace")
        if not path.is_file():
            raise UsageError(f"{path}: is not a file")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    if not is_hdf5(path):
        raise TraceFormatError(f"{path}: is not an HDF5 file, so not a qnetsim trace")
    try:
        return closing.enter_context(h5py.File(path, "r"))
    except (OSError, RuntimeError) as first:
        try:
            if is_marked_open(path):
                raw = closing.enter_context(UnclosedFile(path))
                return closing.enter_context(h5py.File(raw, "r"))
        except (OSError, RuntimeError):
            closing.close()
        reason = " ".join(str(first).split())
        raise TraceFormatError(f"{path}: cannot be opened: {reason}") from None


def _committed(path: Path, file: h5py.File) -> int:
    dataset = file["committed_slots"]
    if not isinstance(dataset, h5py.Dataset) or dataset.shape != () or dataset.dtype.kind != "i":
        raise TraceFormatError(f"{path}: committed_slots is damaged")
    slots = int(dataset[()])
    if slots < 0:
        raise TraceFormatError(f"{path}: committed_slots is {slots}")
    return slots


def _check_columns(path: Path, file: h5py.File, version: tuple[int, int], slots: int) -> None:
    """Every column of the format is there, in its type and shape, with all committed rows."""
    sizes = {"slot": slots}
    for column in sorted(columns_in(version), key=lambda c: c.dims != (c.name,)):
        dataset = file.get(column.path)
        if not isinstance(dataset, h5py.Dataset):
            raise TraceFormatError(f"{path}: column {column.path} is missing")
        text = h5py.check_string_dtype(dataset.dtype) is not None
        kind_fits = text if column.kind == "str" else dataset.dtype == column.kind
        shape_fits = len(dataset.shape) == len(column.dims) and (
            not column.grows or dataset.shape[0] >= slots
        )
        for dim, size in zip(column.dims, dataset.shape, strict=False):
            if dim != "slot":
                shape_fits &= sizes.setdefault(dim, size) == size
        if not (kind_fits and shape_fits):
            raise TraceFormatError(
                f"{path}: column {column.path} is damaged: {dataset.dtype} of shape "
                f"{dataset.shape}, with {slots} slots committed"
            )


def _provenance(path: Path, file: h5py.File) -> dict[str, Any]:
    """Read the provenance and check the parts that readers rely on."""
    try:
        found = json.loads(str(file.attrs["provenance"]))
    except (ValueError, RecursionError) as error:
        raise TraceFormatError(f"{path}: provenance is damaged: {error}") from None
    wanted: dict[str, type | tuple[type, ...]] = {
        "software": dict,
        "environment": dict,
        "scenario": dict,
        "seed": int,
        "replication": int,
        "policy": dict,
        "plan": (dict, type(None)),
    }
    parts: dict[str, dict[str, type | tuple[type, ...]]] = {
        "policy": {"name": str, "title": str, "sees_future": bool},
        "plan": {
            "objective": (int, float),
            "gap": (int, float, type(None)),
            "status": str,
            "solver": str,
            "note": str,
        },
        "scenario": {"run": dict, "network": dict, "demand": dict},
        "software": {"name": str, "version": str},
        "environment": {"python": str},
    }
    for where, table, keys in [
        ("provenance", found, wanted),
        *(
            (f"provenance.{k}", found.get(k) if isinstance(found, dict) else None, v)
            for k, v in parts.items()
        ),
    ]:
        if table is None and where == "provenance.plan":
            continue
        for key, kind in keys.items():
            if not isinstance(table, dict) or not isinstance(table.get(key), kind):
                raise TraceFormatError(f"{path}: {where} is damaged: {key} is missing or wrong")
    return dict(found)


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
