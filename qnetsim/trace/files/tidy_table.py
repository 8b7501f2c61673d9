"""Tidy tables as files: one row an observation, as CSV, Parquet or HDF5."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qnetsim.errors import UsageError, argument
from qnetsim.extras import require
from qnetsim.plain_text import spreadsheet_cell
from qnetsim.trace.hdf5.files import replacing

if TYPE_CHECKING:
    import pandas

#: Columns by name, all of one length; None where a cell has no value.
Columns = Mapping[str, Sequence[Any]]
#: Suffixes of files, and what they become.
SUFFIXES = {".csv": "CSV", ".parquet": "Parquet", ".h5": "HDF5", ".nc": "HDF5"}


def refuse_table_name(path: Path) -> None:
    """Refuse a file that no table can be written to, ahead of the work.

    Raises
    ------
    UsageError
        By its suffix.
    MissingExtraError
        The format needs a package that is not installed.
    """
    kind = SUFFIXES.get(path.suffix)
    if kind is None:
        raise UsageError(f"{argument('out')} {path}: give a name that ends in {_listed()}")
    if kind == "Parquet":
        require("Parquet", "pyarrow")
    if kind == "HDF5":
        require("HDF5 tables", "xarray", "h5netcdf")


def write_table(path: Path, columns: Columns, *, force: bool = False) -> Path:
    """Write a table; a file that is there stays until the new one is whole.

    Raises
    ------
    UsageError
        It exists and ``force`` is not given, or has another suffix.
    TraceError
        It cannot be written.
    """
    refuse_table_name(path)
    kind = SUFFIXES[path.suffix]
    with replacing(path, force) as fresh:
        if kind == "CSV":
            fresh.write_text(csv_text(columns), "utf-8", newline="")
        elif kind == "Parquet":
            frame_of(columns).to_parquet(fresh, index=False)
        else:
            dataset = frame_of(columns).rename_axis("row").to_xarray()
            dataset.to_netcdf(fresh, engine="h5netcdf")
    return path


def csv_text(columns: Columns) -> str:
    """A table as CSV with a header; text that a spreadsheet would run is marked as text."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    for row in zip(*columns.values(), strict=True):
        writer.writerow([_cell(value) for value in row])
    return out.getvalue()


def frame_of(columns: Columns) -> pandas.DataFrame:
    """A table in pandas: numbers as numbers, everything else as text."""
    import pandas

    return pandas.DataFrame({name: uniform_column(values) for name, values in columns.items()})


def uniform_column(values: Sequence[Any]) -> list[Any]:
    """Values of one type: whole numbers, numbers with NaN for none, or text."""
    there = [value for value in values if value is not None]
    if there and all(isinstance(value, bool) for value in there):
        return list(values) if len(there) == len(values) else [_text(value) for value in values]
    if all(isinstance(v, int | float) and not isinstance(v, bool) for v in there):
        if len(there) == len(values) and all(isinstance(value, int) for value in there):
            return list(values)
        return [math.nan if value is None else float(value) for value in values]
    return [_text(value) for value in values]


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def _cell(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return spreadsheet_cell(_text(value))
    return value


def _listed() -> str:
    *most, last = SUFFIXES
    return f"{', '.join(most)} or {last}"
