"""A user's own data: a CSV or Parquet file whose rows are records, every bad cell named.

One column holds the class of each record, one may identify the records, the others are features.
"""

from __future__ import annotations

import difflib
import hashlib
import time
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from qnetsim.arrays import FloatArray, frozen
from qnetsim.csv_rows import MOST_PROBLEMS, CsvTable, read_csv
from qnetsim.errors import CsvError, UsageError
from qnetsim.extras import require
from qnetsim.fel.data_cells import (
    faults_of_columns,
    holders_in,
    labels_in,
    number_of,
    numbers_in,
    records_in,
)
from qnetsim.fel.datasets import Dataset, make_dataset
from qnetsim.fel.preparation import Preparation
from qnetsim.input_files import note_input, read_input
from qnetsim.plain_text import counted

#: Longest file of data that is read.
MOST_DATA_BYTES = 2**28
SUFFIXES = (".csv", ".parquet")
#: A file that has not changed for so long is known by its time of change.
SETTLED_NS = 2 * 10**9


@dataclass(frozen=True)
class DataColumns:
    """What the columns of a file are.

    Attributes
    ----------
    label : str
        Has the class of each record.
    record_id : str or None
        Identifies the records; they are numbered where there is none.
    holder : str or None
        Says who holds each record.
    features : tuple of tuple of str
        Columns of each worker; all others, where it is empty.
    ignore : tuple of str
        Columns that are not used.
    """

    label: str
    record_id: str | None = None
    holder: str | None = None
    features: tuple[tuple[str, ...], ...] = ()
    ignore: tuple[str, ...] = ()


@dataclass(frozen=True)
class OwnData:
    """The contents of a file of data.

    Attributes
    ----------
    values : ndarray of float64, shape (records, features)
    features : tuple of str
        Names of the features, worker by worker where it is said which has which.
    labels : tuple of str
        Class of each record.
    records : tuple of str
        Identifiers; empty where the records are numbered.
    holders : tuple of str
        Who holds each record; empty where it is not said.
    groups : tuple of tuple of int
        Features of each worker; empty where it is not said.
    """

    values: FloatArray
    features: tuple[str, ...]
    labels: tuple[str, ...]
    records: tuple[str, ...]
    holders: tuple[str, ...]
    groups: tuple[tuple[int, ...], ...]

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes in the order of the one-vs-rest problems; of two, the second counts as +1."""
        return tuple(sorted(set(self.labels), key=repr))

    def dataset(self, name: str, preparation: Preparation, seed: int) -> Dataset:
        """Make the data set that a task learns from."""
        return make_dataset(
            name,
            self.values,
            list(self.labels),
            records=self.records,
            preparation=preparation,
            seed=seed,
            groups=[frozen(group, np.int64) for group in self.groups],
        )


@dataclass(frozen=True)
class _Hashed:
    """A file as it was when it was hashed: which one it is, its size, and when it changed."""

    identity: tuple[int, ...]
    sha256: str


#: Files of data that this process has hashed.
_hashed: dict[Path, _Hashed] = {}


def data_sha256(path: Path) -> str:
    """SHA-256 of a file of data, hexadecimal; read once as long as the file is not touched.

    Raises
    ------
    UsageError
        It is no plain file, or too long.
    """
    before = _identity(path)
    known = _hashed.get(path)
    if known is not None and known.identity == before:
        note_input(path)
        return known.sha256
    _hashed.pop(path, None)
    found = hashlib.sha256(read_input(path, "file of data", MOST_DATA_BYTES)).hexdigest()
    # a file that was written just now may change again without another time of change
    if before and before == _identity(path) and time.time_ns() - max(before[3:]) > SETTLED_NS:
        _hashed[path] = _Hashed(before, found)
    return found


def _identity(path: Path) -> tuple[int, ...]:
    """Device, inode, size, times of change; nothing where the file is not there."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return ()
    sizes = (found.st_dev, found.st_ino, found.st_size)
    return (*sizes, found.st_mtime_ns, found.st_ctime_ns)


def read_own_data(path: Path, columns: DataColumns, sha256: str | None = None) -> OwnData:
    """Read a file of data.

    Parameters
    ----------
    path : Path
        ``.csv``, with a header, or ``.parquet``.
    columns : DataColumns
    sha256 : str, optional
        What the file must hash to.

    Raises
    ------
    CsvError
        With every bad cell, as ``file:line: column: what is wrong; what is allowed``.
    UsageError
        It cannot be read at all, or is another file.
    MissingExtraError
        Parquet needs a package that is not installed.
    """
    found = data_sha256(path)
    if sha256 not in {None, found}:
        raise UsageError(f"{path}: has changed: its SHA-256 is {found}, not {sha256}")
    # the digest is part of the key, so that a changed file is read anew
    return _read(path, found, columns)


@lru_cache(maxsize=8)
def _read(path: Path, sha256: str, columns: DataColumns) -> OwnData:
    table = _table(path)
    features, groups = _feature_columns(table, columns)
    label = _place(table, columns.label, "label")
    problems: list[str] = []
    labels = tuple(labels_in(table, label, problems))
    records: tuple[str, ...] = ()
    if columns.record_id is not None:
        place = _place(table, columns.record_id, "record_id")
        records = tuple(records_in(table, place, problems))
    holders: tuple[str, ...] = ()
    if columns.holder is not None:
        place = _place(table, columns.holder, "holder")
        holders = tuple(holders_in(table, place, problems))
    values = numbers_in(table, [_place(table, name, "features") for name in features], problems)
    if len(problems) > MOST_PROBLEMS:
        more = counted(len(problems) - MOST_PROBLEMS, "bad cell")
        problems = [*problems[:MOST_PROBLEMS], f"{path}: and {more} more"]
    problems = problems or list(faults_of_columns(table, columns.label, features, values, labels))
    if problems:
        raise CsvError(problems)
    return OwnData(values, features, labels, records, holders, groups)


def _table(path: Path) -> CsvTable:
    """The cells of a file."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(
            f"{path}: is no file of data; allowed: a name that ends in {' or '.join(SUFFIXES)}"
        )
    if suffix == ".parquet":
        return _parquet(path)
    raw = read_input(path, "file of data", MOST_DATA_BYTES)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        wide = raw[:2] in (b"\xff\xfe", b"\xfe\xff")
        how = " (iconv -f UTF-16 -t UTF-8), as it is UTF-16" if wide else ""
        raise UsageError(
            f"{path}:{line}: is not UTF-8 text ({error.reason}); save it as UTF-8{how}"
        ) from None
    table = read_csv(str(path), text)
    if table.header and all(number_of(cell) is not None for cell in table.header):
        raise CsvError(
            [
                f"{path}:{table.header_line}: the header is missing: the first line has numbers "
                "only; give the names of the columns ahead of the records"
            ]
        )
    return table


def _parquet(path: Path) -> CsvTable:
    """Cells of a Parquet file as text, with numbers of rows in place of lines."""
    require(f"{path}: Parquet", "pyarrow")
    import io

    import pyarrow
    import pyarrow.parquet

    raw = read_input(path, "file of data", MOST_DATA_BYTES)
    try:
        read: Any = pyarrow.parquet.read_table(io.BytesIO(raw))
    except (pyarrow.ArrowException, OSError) as error:
        first = (str(error).splitlines() or ["it is damaged"])[0]
        raise UsageError(f"{path}: is no Parquet file that can be read: {first}") from None
    header = tuple(str(name) for name in read.column_names)
    twice = [name for name, count in Counter(header).items() if count > 1]
    if twice:
        raise CsvError([f"{path}: names the column {twice[0]!r} more than once; rename one"])
    cells = [[_text(value) for value in column.to_pylist()] for column in read.columns]
    rows = tuple(zip(*cells, strict=True))
    lines = tuple(range(1, len(rows) + 1))
    return CsvTable(str(path), header, 1, rows, lines, place=", row {}")


def _text(value: object) -> str:
    if value is None or value != value:
        return ""
    return repr(value) if isinstance(value, float) else str(value).strip()


def _place(table: CsvTable, name: str, key: str) -> int:
    """Position of a column that a key of the scenario names."""
    place = table.find(name)
    if place is None:
        close = difflib.get_close_matches(name, table.header, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        columns = ", ".join(table.header[:20]) + (" …" if len(table.header) > 20 else "")
        raise CsvError(
            [f"{_head(table)}: has no column {name!r}, which {key} names; {hint}it has {columns}"]
        )
    return place


def _head(table: CsvTable) -> str:
    return table.name + (f":{table.header_line}" if table.place == ":{}" else "")


def _feature_columns(
    table: CsvTable, columns: DataColumns
) -> tuple[tuple[str, ...], tuple[tuple[int, ...], ...]]:
    """Names of the features, and which of them each worker has."""
    used = {_place(table, columns.label, "label"): "label"}
    if columns.record_id is not None:
        used[_place(table, columns.record_id, "record_id")] = "record_id"
    if columns.holder is not None:
        used[_place(table, columns.holder, "holder")] = "holder"
    for name in columns.ignore:
        used[_place(table, name, "ignore")] = "ignore"
    if not columns.features:
        names = tuple(name for i, name in enumerate(table.header) if i not in used)
        if not names:
            raise CsvError([f"{_head(table)}: has no column for a feature beside {_listed(used)}"])
        if "" in names:
            raise CsvError(
                [f"{_head(table)}: column {table.header.index('') + 1} has no name; give it one"]
            )
        return names, ()
    groups = []
    order: list[str] = []
    for group in columns.features:
        places = []
        for name in group:
            place = _place(table, name, "features")
            if place in used:
                raise CsvError(
                    [
                        f"{_head(table)}: features names {name!r}, which {used[place]} names "
                        "already; each column is one thing, with one worker"
                    ]
                )
            used[place] = "features"
            places.append(len(order))
            order.append(table.header[place])
        groups.append(tuple(places))
    return tuple(order), tuple(groups)


def _listed(used: dict[int, str]) -> str:
    return " and ".join(dict.fromkeys(used.values()))
