"""Read demand that somebody else recorded: rows of ``slot, source, target, rate``."""

from __future__ import annotations

import csv
import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from qnetsim.arrays import IntArray
from qnetsim.errors import TraceFormatError, UsageError
from qnetsim.input_files import read_input
from qnetsim.plain_text import counted
from qnetsim.trace.hdf5.files import is_hdf5
from qnetsim.trace.hdf5.reading import damage_refused, open_hdf5, plain_dataset

COLUMNS = ("slot", "source", "target", "rate")


@dataclass(frozen=True)
class DemandRows:
    """What stands in a demand file, unchecked.

    Attributes
    ----------
    cells : tuple of tuple of (str, str, str, str)
        Slot, source, target and rate of each row, as text.
    places : ndarray of int64, shape (rows,)
        Line of each row in a CSV file, or its position, from 0, in an HDF5 file.
    place : str
        What ``places`` count: ``":{}"`` or ``": row {}"``.
    """

    cells: tuple[tuple[str, str, str, str], ...]
    places: IntArray
    place: str

    def where(self, row: int) -> str:
        """Place of a row, for messages."""
        return self.place.format(int(self.places[row]))


def read_demand(path: Path) -> DemandRows:
    """Read a CSV or HDF5 file of recorded demand.

    Raises
    ------
    ValueError
        The file is missing, of another kind, or lacks a column; says how to mend it.
    """
    raw = _bytes(path)
    return _hdf5(path) if is_hdf5(path) else _csv(path, raw)


def demand_digest(path: Path) -> str:
    """SHA-256 of a file, hexadecimal.

    Raises
    ------
    ValueError
        It cannot be read.
    """
    return hashlib.sha256(_bytes(path)).hexdigest()


def _bytes(path: Path) -> bytes:
    try:
        return read_input(path, "file of recorded demand")
    except UsageError as error:
        raise ValueError(str(error)) from None


def _csv(path: Path, raw: bytes) -> DemandRows:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ValueError(f"{path}:{line}: is neither HDF5 nor UTF-8 text") from None
    rows = csv.reader(io.StringIO(text, newline=""))
    order: list[int] | None = None
    cells = []
    places = []
    short = []
    try:
        for row in rows:
            stripped = [cell.strip() for cell in row]
            if not any(stripped) or stripped[0].startswith("#"):
                continue
            if order is None:
                order = _header(f"{path}:{rows.line_num}", stripped)
                width = len(stripped)
            elif len(stripped) != width:
                short.append(
                    f"{path}:{rows.line_num}: has {counted(len(stripped), 'cell')}; give {width}"
                )
            else:
                a, b, c, d = (stripped[i] for i in order)
                cells.append((a, b, c, d))
                places.append(rows.line_num)
    except csv.Error as error:
        raise ValueError(f"{path}:{rows.line_num}: is not CSV: {error}") from None
    if short:
        raise ValueError("\n".join(short[:20]))
    if order is None:
        raise ValueError(f"{path}: is empty; give the header {','.join(COLUMNS)} and the rows")
    return DemandRows(tuple(cells), np.array(places, dtype=np.int64), ":{}")


def _header(where: str, cells: list[str]) -> list[int]:
    """Positions of the columns; others may stand between them."""
    missing = [name for name in COLUMNS if cells.count(name) != 1]
    if missing:
        raise ValueError(
            f"{where}: the header is {','.join(cells)!r}; it must have {', '.join(COLUMNS)}, each "
            f"once (wrong: {', '.join(missing)})"
        )
    return [cells.index(name) for name in COLUMNS]


def _hdf5(path: Path) -> DemandRows:
    try:
        with open_hdf5(path) as file, damage_refused(path):
            if str(file.attrs.get("filetype", "")).startswith("qnetsim-"):
                raise TraceFormatError(
                    f"{path}: is a file of qnetsim itself; `qnetsim replay {path.name}` runs "
                    "policies in a recorded world"
                )
            found = []
            for name in COLUMNS:
                try:
                    dataset = plain_dataset(file, name)
                except KeyError:
                    dataset = None
                except ValueError as error:
                    raise TraceFormatError(f"{path}: {error}") from None
                if dataset is None or dataset.ndim != 1:
                    names = ", ".join(COLUMNS)
                    raise TraceFormatError(
                        f"{path}: has no one-dimensional dataset {name!r}; give {names}"
                    )
                text = h5py.check_string_dtype(dataset.dtype) is not None
                values = dataset.asstr()[...] if text else dataset[...]
                if not text and values.dtype.kind not in "iuf":
                    raise TraceFormatError(
                        f"{path}: dataset {name!r} holds {values.dtype}; give numbers or text"
                    )
                found.append([str(value) for value in values.tolist()])
    except (TraceFormatError, UsageError) as error:
        raise ValueError(str(error)) from None
    lengths = {name: len(values) for name, values in zip(COLUMNS, found, strict=True)}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"{path}: its datasets differ in length: {lengths}; give equal ones")
    cells = tuple((a, b, c, d) for a, b, c, d in zip(*found, strict=True))
    return DemandRows(cells, np.arange(len(cells)), ": row {}")
