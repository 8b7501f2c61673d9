"""Cells of a user's data: labels, identifiers and numbers, and what is wrong with any of them.

Problems are told as ``file:line: column: …`` and gathered, so that all come at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from qnetsim.arrays import FloatArray
from qnetsim.csv_rows import MOST_PROBLEMS, CsvTable
from qnetsim.fel.preparation import LARGEST
from qnetsim.plain_text import counted, from_spreadsheet_cell

#: Most classes: one-vs-rest problems cost keys, and a column with more of them is no label.
MOST_CLASSES = 100
#: Characters of a cell in a message.
MOST_SHOWN = 40


def labels_in(table: CsvTable, place: int, problems: list[str]) -> Iterator[str]:
    """Class of each record; numbers that are equal are one class."""
    for i, cells in enumerate(table.rows):
        cell = cells[place]
        if not cell:
            problems.append(
                f"{table.where(i)}: {table.header[place]}: is empty; give the class of the record"
            )
        number = number_of(cell)
        if number is not None and number != number:
            problems.append(
                f"{table.where(i)}: {table.header[place]}: {_shown(cell)} is not allowed; give the "
                "class of the record, as text or number"
            )
        yield cell if number is None or not np.isfinite(number) else f"{number:.15g}"


def records_in(table: CsvTable, place: int, problems: list[str]) -> Iterator[str]:
    """Identifier of each record."""
    seen: dict[str, int] = {}
    for i, cells in enumerate(table.rows):
        cell = from_spreadsheet_cell(cells[place])
        where = f"{table.where(i)}: {table.header[place]}"
        if not cell:
            problems.append(f"{where}: is empty; give each record an identifier")
        elif cell in seen:
            first = table.where(seen[cell]).removeprefix(table.name).lstrip(":, ")
            first = first if first.startswith("row") else f"line {first}"
            problems.append(
                f"{where}: {_shown(cell)} stands in {first} already; each record has an "
                "identifier of its own"
            )
        seen.setdefault(cell, i)
        yield cell


def holders_in(table: CsvTable, place: int, problems: list[str]) -> Iterator[str]:
    """Worker that holds each record."""
    for i, cells in enumerate(table.rows):
        cell = from_spreadsheet_cell(cells[place])
        if not cell:
            where = f"{table.where(i)}: {table.header[place]}"
            problems.append(f"{where}: is empty; give the worker that holds the record")
        yield cell


def numbers_in(table: CsvTable, places: Sequence[int], problems: list[str]) -> FloatArray:
    """Values of columns, shape (records, places)."""
    values = np.zeros((len(table.rows), len(places)))
    for i, cells in enumerate(table.rows):
        for j, place in enumerate(places):
            number = number_of(cells[place])
            if number is not None and abs(number) <= LARGEST:
                values[i, j] = number
            else:
                what = _wrong(cells[place], number)
                problems.append(f"{table.where(i)}: {table.header[place]}: {what}")
    return values


def number_of(cell: str) -> float | None:
    """A cell as a number; 1_000 is none outside Python."""
    try:
        return None if "_" in cell else float(cell)
    except ValueError:
        return None


def _wrong(cell: str, number: float | None) -> str:
    """What is wrong with a cell, and what is allowed."""
    allowed = f"allowed: a number of at most {LARGEST:g} in absolute value"
    if not cell:
        return (
            "is empty; give a number, or leave the record out (a column that is not always known "
            "goes into ignore)"
        )
    if number is None:
        if number_of(cell.replace(",", ".")) is not None:
            return f"{_shown(cell)} has a decimal comma; write {cell.replace(',', '.')}"
        return f"{_shown(cell)} is not a number; {allowed}"
    return f"{_shown(cell)} is not allowed; {allowed}"


def faults_of_columns(
    table: CsvTable,
    label: str,
    features: Sequence[str],
    values: FloatArray,
    labels: Sequence[str],
) -> Iterator[str]:
    """What is wrong with a column as a whole."""
    name = table.name
    if len(labels) < 2:
        yield f"{name}: has {counted(len(labels), 'record')}; at least two are needed"
        return
    classes = sorted(set(labels))
    if len(classes) < 2:
        yield (
            f"{name}: {label}: every record is {_shown(classes[0])}; at least two classes "
            "are needed"
        )
    elif len(classes) > MOST_CLASSES:
        shown = ", ".join(map(_shown, classes[:3]))
        yield (
            f"{name}: {label}: has {len(classes):,} classes in {len(labels):,} records "
            f"({shown} …); allowed: 2 .. {MOST_CLASSES}: a label says to which class a record "
            "belongs"
        )
    constant = np.ptp(values, axis=0) == 0
    for j in np.flatnonzero(constant)[:MOST_PROBLEMS].tolist():
        yield (
            f"{name}: {features[j]}: is {values[0, j]:g} in every record, which says nothing; put "
            "it into ignore"
        )


def _shown(cell: str) -> str:
    return repr(cell if len(cell) <= MOST_SHOWN else f"{cell[:MOST_SHOWN]}…")
