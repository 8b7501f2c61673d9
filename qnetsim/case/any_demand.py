"""Read demand of others from any file: HDF5 with datasets by slot, and what else is known."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from qnetsim.csv_rows import CsvTable
from qnetsim.errors import TrafficError
from qnetsim.trace.files.demand_file import COLUMNS, read_demand
from qnetsim.trace.hdf5.files import is_hdf5
from qnetsim.traffic import Columns, Traffic, TrafficSettings, read_traffic
from qnetsim.traffic.csv_lists import read_list
from qnetsim.traffic.traffic import settled


def read_any_demand(file: str, settings: TrafficSettings) -> Traffic:
    """Read demand as :func:`qnetsim.traffic.read_traffic`, and HDF5 files beside it.

    Raises
    ------
    TrafficError
        With every problem, each naming its place and what mends it.
    """
    path = Path(file)
    if not is_hdf5(path):
        return read_traffic(file, settings)
    further = [
        field.name
        for field in fields(Columns)
        if field.name not in COLUMNS and getattr(settings.columns, field.name)
    ]
    if further:
        raise TrafficError(
            [
                f"{file}: is HDF5, with datasets {', '.join(COLUMNS)} alone; leave "
                f"{settings.column_named(key)} out"
                for key in further
            ]
        )
    try:
        rows = read_demand(path, names_of(settings.columns))
    except ValueError as error:
        raise TrafficError(str(error).splitlines()) from None
    lines = tuple(rows.places.tolist())
    names = names_of(settings.columns)
    table = CsvTable(file, names, 1, rows.cells, lines, place=rows.place)
    found = read_list(table, settings)
    if rows.unused:
        found.notes.append(f"datasets that are not used: {', '.join(rows.unused[:20])}")
    return settled(file, found, settings)


def names_of(columns: Columns) -> tuple[str, ...]:
    """Names of the columns or datasets of a list by slot."""
    return tuple(getattr(columns, key) or key for key in COLUMNS)
