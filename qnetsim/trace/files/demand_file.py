"""Read demand that somebody else recorded: rows of ``slot, source, target, rate``."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from qnetsim.arrays import IntArray
from qnetsim.csv_rows import read_csv
from qnetsim.errors import CsvError, TraceFormatError, UsageError
from qnetsim.input_files import read_input
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
    unused : tuple of str
        Columns or datasets that are not read.
    """

    cells: tuple[tuple[str, str, str, str], ...]
    places: IntArray
    place: str
    unused: tuple[str, ...] = ()

    def where(self, row: int) -> str:
        """Place of a row, for messages."""
        return self.place.format(int(self.places[row]))


def read_demand(path: Path, names: Sequence[str] = COLUMNS) -> DemandRows:
    """Read a CSV or HDF5 file of recorded demand.

    Parameters
    ----------
    path : Path
    names : sequence of str
        Columns, or datasets, of slot, source, target and rate.

    Raises
    ------
    ValueError
        The file is missing, of another kind, or lacks a column; says how to mend it.
    """
    raw = _bytes(path)
    return _hdf5(path, names) if is_hdf5(path) else _csv(path, raw, names)


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


def _csv(path: Path, raw: bytes, names: Sequence[str]) -> DemandRows:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ValueError(f"{path}:{line}: is neither HDF5 nor UTF-8 text") from None
    try:
        table = read_csv(str(path), text, names)
    except CsvError as error:
        raise ValueError(str(error)) from None
    slot, source, target, rate = table.find_all(names)
    cells = tuple((row[slot], row[source], row[target], row[rate]) for row in table.rows)
    places = np.array(table.lines, dtype=np.int64)
    return DemandRows(cells, places, ":{}", table.further(names))


def _hdf5(path: Path, wanted: Sequence[str]) -> DemandRows:
    try:
        with open_hdf5(path) as file, damage_refused(path):
            if str(file.attrs.get("filetype", "")).startswith("qnetsim-"):
                raise TraceFormatError(
                    f"{path}: is a file of qnetsim itself; `qnetsim replay {path.name}` runs "
                    "policies in a recorded world"
                )
            found = []
            for name in wanted:
                try:
                    dataset = plain_dataset(file, name)
                except KeyError:
                    dataset = None
                except ValueError as error:
                    raise TraceFormatError(f"{path}: {error}") from None
                if dataset is None or dataset.ndim != 1:
                    names = ", ".join(wanted)
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
            unused = tuple(name for name in file if name not in wanted)
    except (TraceFormatError, UsageError) as error:
        raise ValueError(str(error)) from None
    lengths = {name: len(values) for name, values in zip(wanted, found, strict=True)}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"{path}: its datasets differ in length: {lengths}; give equal ones")
    cells = tuple((a, b, c, d) for a, b, c, d in zip(*found, strict=True))
    return DemandRows(cells, np.arange(len(cells)), ": row {}", unused)
